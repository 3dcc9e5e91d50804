impl Nat {
    fn process(&self) -> u64 {
        #[allow(unused_imports)]
        use ::ftmb::__private::{
            Iterated as _, Received as _, ViaGuard as _, ViaReference as _,
        };
        let mut seen: <HashMap<u32, u32> as ::ftmb::__private::Replayed>::Type = <HashMap<
            _,
            _,
        > as ::ftmb::__private::Replayed>::new();
        let drawn = ::ftmb::__private::fastrand::u32(1..7);
        let who = ::ftmb::__private::instead_of(
                std::thread::current,
                ::ftmb::__private::thread::current,
            )()
            .id();
        let names = ({
            #[allow(unused_mut)]
            let mut __ftmb_field = ::ftmb::__private::Probe::new(&self.rules)
                .__ftmb_ordered()
                .__ftmb_access();
            (*__ftmb_field)
                .keys()
                .collect::<<HashSet<_> as ::ftmb::__private::Replayed>::Type>()
        });
    }
}
const _: () = {
    const fn is_shared<T: ::ftmb::__private::Annotated>() {}
    is_shared::<Nat>()
};
