impl Nat {
    fn guard(
        &self,
        map: &::ftmb::__private::dashmap::DashMap<u32, u32>,
    ) -> ::ftmb::__private::parking_lot::MutexGuard<'_, u32> {
        use ::ftmb::__private::dashmap::mapref::{entry::Entry, one::Ref};
        let made = [
            ::ftmb::__private::dashmap::DashMap::<u32, u32>::new(),
            other::DashMap::new(),
            crate::dashmap::DashMap::new(),
        ];
        let lock = Kind::Mutex(
            vec![::ftmb::__private::parking_lot::Mutex::new(1)],
            std::sync::Mutex::new(1),
        );
        let dashmap = made.dashmap.DashMap;
        ::ftmb::__private::parking_lot::const_mutex(dashmap)
    }
    fn all(&self) -> impl Iterator<Item = u32> + use<'_> {
        ::ftmb::__private::parking_lot::Mutex::new(
            vec![::ftmb::__private::dashmap::DashMap::new()],
        )
    }
}
const _: () = {
    const fn is_shared<T: ::ftmb::__private::Annotated>() {}
    is_shared::<Nat>()
};
