mod nat {
    use ::ftmb::__private::std::collections::HashMap as Map;
    #[allow(unused_imports)]
    use std::sync::atomic;
    use ::ftmb::__private::std::sync::atomic::AtomicU16;
    use std::sync::Arc;
    use ::ftmb::__private::std::sync::Mutex;
    #[allow(unused_imports)]
    use std::time::*;
    #[allow(unused_imports)]
    use ::ftmb::__private::std::time::Instant;
    #[allow(unused_imports)]
    use ::ftmb::__private::std::time::SystemTime;
    #[allow(unused_imports)]
    use ::ftmb::__private::std::time::SystemTimeError;
    #[allow(unused_imports)]
    use ::ftmb::__private::std::time::UNIX_EPOCH;
    use ::ftmb::__private::parking_lot::RwLock;
    #[allow(unused_imports)]
    use rand::random as draw;
    #[::ftmb::shared(crate = ::ftmb)]
    static NEXT: AtomicU16 = AtomicU16::new(1);
    static LIMIT: u16 = 9;
    #[::ftmb::state(crate = ::ftmb)]
    #[derive(Clone, Copy)]
    struct Key(u32);
    #[::ftmb::state(crate = ::ftmb)]
    #[derive(Clone)]
    enum Flow {
        New,
        Open(Instant),
    }
    struct Unused<'a>(&'a u8);
    type Flows = RwLock<Map<Key, Flow>>;
    #[::ftmb::shared(crate = ::ftmb)]
    struct Inner {
        seen: ::ftmb::__private::std::sync::atomic::AtomicU64,
        last: u64,
    }
    #[::ftmb::shared(crate = ::ftmb)]
    pub struct Nat {
        flows: Flows,
        inner: Arc<Inner>,
        #[ftmb(config)]
        settings: Settings,
    }
    pub struct Settings {
        limit: usize,
    }
    #[::ftmb::middlebox(crate = ::ftmb)]
    impl Nat {
        fn new() -> Self {
            let inner = Inner {
                seen: Inner::__ftmb_init_seen(
                    ::ftmb::__private::std::sync::atomic::AtomicU64::new(0),
                ),
                last: Inner::__ftmb_init_last(3),
            };
            Self {
                flows: Default::default(),
                inner: Arc::new(inner),
                settings: Settings { limit: 1 },
            }
        }
    }
    fn helper(lock: &::ftmb::__private::std::sync::Mutex<u8>) -> u8 {
        let _ = <::ftmb::__private::std::time::Instant as ::ftmb::__private::Clock<
            _,
        >>::now();
        *lock.lock().unwrap() + ::ftmb::__private::random::<u8>()
    }
    fn skipped() -> std::time::Instant {
        std::time::Instant::now()
    }
    mod inner {
        use super::*;
        #[::ftmb::shared(crate = ::ftmb)]
        pub struct Deep {
            lock: Mutex<u8>,
        }
    }
    const _: fn() = || {
        #[allow(unused_imports)]
        use ::ftmb::__private::{ViaGuard as _, ViaReference as _};
        let _ = ::ftmb::__private::Probe::new(&LIMIT).__ftmb_access();
    };
}
