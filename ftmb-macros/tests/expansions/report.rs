impl Middlebox for Nat {
    fn report(&self, metrics: &mut Metrics) {
        #[allow(unused_imports)]
        use ::ftmb::__private::{
            Iterated as _, Received as _, ViaGuard as _, ViaReference as _,
        };
        metrics.gauge("n", (*::ftmb::__private::Probe::new(&self.n).__ftmb_peek()));
    }
}
const _: () = {
    const fn is_shared<T: ::ftmb::__private::Annotated>() {}
    is_shared::<Nat>()
};
