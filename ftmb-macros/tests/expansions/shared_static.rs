/// Documented.
#[cfg(unix)]
pub(crate) static SESSIONS: ::ftmb::__private::StaticField<Mutex<HashMap<Key, u32>>> = ::ftmb::__private::Static::new(
    ::core::concat!(::core::module_path!(), "::", "SESSIONS"),
    || {
        fn value() -> Mutex<HashMap<Key, u32>> {
            Mutex::new(HashMap::new())
        }
        ::ftmb::__private::track_static::<Mutex<HashMap<Key, u32>>>(value())
    },
);
#[cfg(unix)]
const _: () = {
    const _: ::core::marker::PhantomData<LazyLock<Mutex<HashMap<Key, u32>>>> = ::core::marker::PhantomData;
    #[::ftmb::__private::linkme::distributed_slice(::ftmb::__private::STATICS)]
    #[linkme(crate = ::ftmb::__private::linkme)]
    static __FTMB_SESSIONS: &'static dyn ::ftmb::__private::Declared = &SESSIONS;
};
