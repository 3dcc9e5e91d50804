/// Documented.
#[cfg(unix)]
pub(crate) static SESSIONS: ::ftmb::__private::StaticField<Mutex<HashMap<Key, u32>>> = ::ftmb::__private::Static::new(
        ::core::concat!(::core::module_path!(), "::", "SESSIONS"),
        || {
            fn value() -> Mutex<HashMap<Key, u32>> {
                Mutex::new(HashMap::new())
            }
            <<Mutex<
                HashMap<Key, u32>,
            > as ::ftmb::__private::Shareable>::Kind as ::ftmb::__private::StaticAs<
                <Mutex<HashMap<Key, u32>> as ::ftmb::__private::Shareable>::Stored,
            >>::copy(::ftmb::__private::Shareable::into_stored(value()))
        },
    )
    .in_tests(::core::cfg!(test));
#[cfg(unix)]
const _: () = {
    const _: ::core::marker::PhantomData<LazyLock<Mutex<HashMap<Key, u32>>>> = ::core::marker::PhantomData;
    #[::ftmb::__private::linkme::distributed_slice(::ftmb::__private::STATICS)]
    #[linkme(crate = ::ftmb::__private::linkme)]
    static __FTMB_SESSIONS: &'static dyn ::ftmb::__private::Declared = &SESSIONS;
};
