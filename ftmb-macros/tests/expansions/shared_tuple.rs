pub struct Pair<T>(
    pub ::ftmb::__private::Field<Mutex<T>>,
    u64,
)
where
    T: Clone,
    T: ::ftmb::__private::Plain;
#[doc(hidden)]
#[allow(non_snake_case, dead_code, unreachable_pub, clippy::all, clippy::pedantic)]
impl<T> Pair<T>
where
    T: Clone,
    T: ::ftmb::__private::Plain,
{
    #[inline]
    pub fn __ftmb_init_0(value: Mutex<T>) -> ::ftmb::__private::Field<Mutex<T>> {
        ::ftmb::__private::track::<Mutex<T>>(value)
    }
    #[inline]
    fn __ftmb_init_1(value: u64) -> u64 {
        value
    }
}
impl<T> ::ftmb::__private::Shared for Pair<T>
where
    T: Clone,
    T: ::ftmb::__private::Plain,
    for<'__ftmb> Pair<
        T,
    >: ::core::marker::Send + ::core::marker::Sync + ::core::marker::Sized,
{
    fn walk<'__ftmb>(&'__ftmb self, walker: &mut ::ftmb::__private::Walker<'__ftmb>) {
        let _ = &walker;
        walker.field("0", &self.0);
    }
}
impl<T> ::ftmb::__private::Shareable for Pair<T>
where
    T: Clone,
    T: ::ftmb::__private::Plain,
    for<'__ftmb> Pair<
        T,
    >: ::core::marker::Send + ::core::marker::Sync + ::core::marker::Sized,
{
    type Kind = ::ftmb::__private::Locks;
    type Stored = Self;
    fn into_stored(self) -> Self {
        self
    }
}
