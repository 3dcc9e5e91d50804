#[allow(unused_imports)]
use DashMap as _;
struct Nat {
    flows: ::ftmb::__private::Field<Vec<::ftmb::__private::dashmap::DashMap<u32, u32>>>,
}
#[doc(hidden)]
#[allow(non_snake_case, dead_code, unreachable_pub, clippy::all, clippy::pedantic)]
impl Nat {
    #[inline]
    fn __ftmb_init_flows(
        value: Vec<::ftmb::__private::dashmap::DashMap<u32, u32>>,
    ) -> ::ftmb::__private::Field<Vec<::ftmb::__private::dashmap::DashMap<u32, u32>>> {
        ::ftmb::__private::track::<
            Vec<::ftmb::__private::dashmap::DashMap<u32, u32>>,
        >(value)
    }
}
impl ::ftmb::__private::Shared for Nat
where
    for<'__ftmb> Nat: ::core::marker::Send + ::core::marker::Sync
        + ::core::marker::Sized,
{
    fn walk<'__ftmb>(&'__ftmb self, walker: &mut ::ftmb::__private::Walker<'__ftmb>) {
        let _ = &walker;
        walker.field("flows", &self.flows);
    }
}
impl ::ftmb::__private::Shareable for Nat
where
    for<'__ftmb> Nat: ::core::marker::Send + ::core::marker::Sync
        + ::core::marker::Sized,
{
    type Kind = ::ftmb::__private::Locks;
    type Stored = Self;
    fn into_stored(self) -> Self {
        self
    }
}
