impl Pair {
    fn new() -> Self {
        Self(Self::__ftmb_init_0(Mutex::new(1)), Self::__ftmb_init_1(2))
    }
}
const _: () = {
    const fn is_shared<T: ::ftmb::__private::Annotated>() {}
    is_shared::<Pair>()
};
