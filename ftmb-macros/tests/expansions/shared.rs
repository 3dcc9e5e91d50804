/// Documented.
pub struct Nat<T>
where
    T: ::ftmb::__private::Plain,
{
    pub outside: PortId,
    pub(crate) flows: ::ftmb::__private::Field<RwLock<HashMap<Key, T>>>,
    cache: ::ftmb::__private::PerCoreField<Cache>,
    #[cfg(unix)]
    r#type: ::ftmb::__private::Field<u64>,
}
#[doc(hidden)]
#[allow(non_snake_case, dead_code, unreachable_pub, clippy::all, clippy::pedantic)]
impl<T> Nat<T>
where
    T: ::ftmb::__private::Plain,
{
    #[inline]
    pub fn __ftmb_init_outside(value: PortId) -> PortId {
        value
    }
    #[inline]
    pub(crate) fn __ftmb_init_flows(
        value: RwLock<HashMap<Key, T>>,
    ) -> ::ftmb::__private::Field<RwLock<HashMap<Key, T>>> {
        ::ftmb::__private::track::<RwLock<HashMap<Key, T>>>(value)
    }
    #[inline]
    fn __ftmb_init_cache(value: Cache) -> ::ftmb::__private::PerCoreField<Cache> {
        ::ftmb::__private::track_per_core::<Cache>(value)
    }
    #[cfg(unix)]
    #[inline]
    fn __ftmb_init_type(value: u64) -> ::ftmb::__private::Field<u64> {
        ::ftmb::__private::track::<u64>(value)
    }
}
impl<T> ::ftmb::__private::Shared for Nat<T>
where
    T: ::ftmb::__private::Plain,
    for<'__ftmb> Nat<
        T,
    >: ::core::marker::Send + ::core::marker::Sync + ::core::marker::Sized,
{
    fn walk<'__ftmb>(&'__ftmb self, walker: &mut ::ftmb::__private::Walker<'__ftmb>) {
        let _ = &walker;
        walker.field("flows", &self.flows);
        walker.field("cache", &self.cache);
        #[cfg(unix)] walker.field("type", &self.r#type);
    }
}
impl<T> ::ftmb::__private::Shareable for Nat<T>
where
    T: ::ftmb::__private::Plain,
    for<'__ftmb> Nat<
        T,
    >: ::core::marker::Send + ::core::marker::Sync + ::core::marker::Sized,
{
    type Kind = ::ftmb::__private::Locks;
    type Stored = Self;
    fn into_stored(self) -> Self {
        self
    }
}
