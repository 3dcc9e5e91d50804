impl<T: State> Nat<T>
where
    T: ::ftmb::__private::Plain,
{
    fn new(generation: u64) -> Self {
        let now = <std::time::Instant as ::ftmb::__private::Clock<_>>::now();
        let other = Other { generation };
        assert!(::ftmb::__private::random:: < u8 > () > 3, "{now:?}");
        let _ = ::ftmb::__private::rng::current();
        Self {
            generation: Self::__ftmb_init_generation(generation),
            name: Self::__ftmb_init_name(String::new()),
            #[cfg(unix)]
            r#type: Self::__ftmb_init_type(3),
        }
    }
}
