::core::compile_error! {
    "`rand::random` where the shared state is made: each process makes it anew, and has to come to the same result before it knows of the others\nhelp: draw when the first packet or `tick` needs the value, and keep it in a plain field or a `Mutex<Option<_>>`; or hand it in through the configuration"
}
::core::compile_error! {
    "`rand::rng` where the shared state is made: each process makes it anew, and has to come to the same result before it knows of the others\nhelp: draw when the first packet or `tick` needs the value, and keep it in a plain field or a `Mutex<Option<_>>`; or hand it in through the configuration"
}
impl<T: State> Nat<T>
where
    T: ::ftmb::__private::Plain,
{
    fn new(generation: u64) -> Self {
        let now = <std::time::Instant as ::ftmb::__private::Clock<_>>::now();
        let other = Other { generation };
        assert!(rand::random:: < u8 > () > 3, "{now:?}");
        let _ = rand::rng();
        Self {
            generation: Self::__ftmb_init_generation(generation),
            name: Self::__ftmb_init_name(String::new()),
            #[cfg(unix)]
            r#type: Self::__ftmb_init_type(3),
        }
    }
}
