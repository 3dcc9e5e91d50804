impl Nat {
    fn process(&self) -> u64 {
        #[allow(unused_imports)]
        use ::ftmb::__private::{
            Iterated as _, Received as _, ViaGuard as _, ViaReference as _,
        };
        let total = (*::ftmb::__private::Probe::new(&self.generation).__ftmb_access())
            + ({
                #[allow(unused_mut)]
                let mut __ftmb_field = ::ftmb::__private::Probe::new(&self.names)
                    .__ftmb_access();
                (*__ftmb_field).len()
            }) as u64;
        ({
            #[allow(unused_mut)]
            let mut __ftmb_field = ::ftmb::__private::Probe::new(&self.names)
                .__ftmb_access();
            __ftmb_field.__ftmb_receive();
            (match (self.next(),) {
                (__ftmb_0,) => (*__ftmb_field).push(__ftmb_0),
            })
        });
        let first = ({
            #[allow(unused_mut)]
            let mut __ftmb_field = ::ftmb::__private::Probe::new(&self.names)
                .__ftmb_access();
            (*__ftmb_field)[0]
        });
        if (*::ftmb::__private::Probe::new(&self.name).__ftmb_access()) == other {
            return (*::ftmb::__private::Probe::new(&self.flows).__ftmb_access())
                .read()
                .unwrap()
                .get(&total);
        }
        match (*::ftmb::__private::Probe::new(&self.mode).__ftmb_seen()) {
            Mode::Idle => {
                &(*::ftmb::__private::Probe::new(&self.settings).__ftmb_access()).name
            }
            _ => {
                (*::ftmb::__private::Probe::new(&self.settings).__ftmb_access())
                    .name
                    .as_str()
            }
        }
    }
}
const _: () = {
    const fn is_shared<T: ::ftmb::__private::Annotated>() {}
    is_shared::<Nat>()
};
