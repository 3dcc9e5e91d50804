//! What the attributes expand to, compared with the files in `tests/expansions`.
//!
//! After a change: `FTMB_BLESS=1 cargo test -p ftmb-macros`, then read the difference.

use std::path::Path;

use proc_macro2::TokenStream;
use quote::quote;

fn compare(name: &str, expansion: TokenStream) {
    let file: syn::File = syn::parse2(expansion).unwrap_or_else(|error| panic!("{name} does not parse: {error}"));
    let found = prettyplease::unparse(&file);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expansions").join(name).with_extension("rs");
    if std::env::var_os("FTMB_BLESS").is_some() {
        std::fs::write(&path, &found).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(found == expected, "{} differs from the expansion:\n{found}", path.display());
}

fn middlebox(body: TokenStream) -> TokenStream {
    crate::middlebox::middlebox(TokenStream::new(), quote! { impl Nat { fn process(&self) -> u64 { #body } } })
}

#[test]
fn a_shared_struct_becomes_tracked_fields_constructors_and_a_walk() {
    compare(
        "shared",
        crate::shared::shared(
            TokenStream::new(),
            quote! {
                /// Documented.
                pub struct Nat<T> {
                    #[ftmb(config)]
                    pub outside: PortId,
                    pub(crate) flows: RwLock<HashMap<Key, T>>,
                    #[ftmb(per_core)]
                    cache: Cache,
                    #[cfg(unix)]
                    r#type: u64,
                }
            },
        ),
    );
}

#[test]
fn state_is_saved_field_by_field_only_if_a_field_is_piecewise() {
    compare(
        "state_struct",
        crate::state::derive_state(quote! {
            struct Flow<T> { names: HashMap<u32, T>, #[ftmb(opaque)] foreign: Foreign }
        }),
    );
    compare("state_enum", crate::state::derive_state(quote! { enum Mode { Idle, Busy { since: u64 }, Pair(u8, u8) } }));
}

#[test]
fn the_attribute_for_state_only_adds_derives() {
    compare(
        "state_attribute",
        crate::state::state(quote!(crate = elsewhere::ftmb), quote! { #[derive(Clone)] struct Key(#[cfg(unix)] u8); }),
    );
}

#[test]
fn values_are_read_through_probes_and_chains_through_a_guard() {
    compare(
        "reads",
        middlebox(quote! {
            let total = self.generation + self.names.len() as u64;
            self.names.push(self.next());
            let first = self.names[0];
            if self.name == other { return self.flows.read().unwrap().get(&total); }
            match self.mode { Mode::Idle => &self.settings.name, _ => self.settings.name.as_str() }
        }),
    );
}

#[test]
fn assignments_evaluate_their_value_before_they_begin_a_section() {
    compare(
        "assignments",
        middlebox(quote! {
            self.generation = 1;
            self.generation += self.next();
            self.name = format!("{}!", self.name);
            self.point.x -= 2;
            self.names[self.names.len() - 1] = name;
            *self.names.first_mut().unwrap() = name;
            *self.free.lock().unwrap() += 1;
            #[cfg(windows)]
            self.generation = 0;
        }),
    );
}

#[test]
fn literals_clocks_random_numbers_and_macros_are_rewritten() {
    compare(
        "constructors_and_sources",
        crate::middlebox::middlebox(
            TokenStream::new(),
            quote! {
                impl<T: State> Nat<T> {
                    fn new(generation: u64) -> Self {
                        let now = std::time::Instant::now();
                        let other = Other { generation };
                        assert!(rand::random::<u8>() > 3, "{now:?}");
                        let _ = rand::rng();
                        Self { generation, name: String::new(), #[cfg(unix)] r#type: 3 }
                    }
                }
            },
        ),
    );
}

#[test]
fn a_guard_lives_as_long_as_what_is_lent_or_ends_before_the_field_is_touched_again() {
    compare(
        "lending",
        middlebox(quote! {
            for name in self.names.iter() { count(name); }
            for name in self.names.iter() { self.total += 1; }
            for name in &mut self.names { self.total += 1; }
            if let Some(largest) = self.sizes.iter().copied().max() { self.total = largest; }
            self.names.pop().map(|last| self.names.push(last));
            write!(self.log, "{}", self.log.len());
            match self.mode { Mode::Idle => self.mode = Mode::Busy, _ => {} }
        }),
    );
}

#[test]
fn maps_and_other_sources_in_a_method_are_replaced_by_type_and_by_name() {
    compare(
        "maps",
        middlebox(quote! {
            let mut seen: HashMap<u32, u32> = HashMap::new();
            let drawn = fastrand::u32(1..7);
            let who = std::thread::current().id();
            let names = self.rules.keys().collect::<HashSet<_>>();
        }),
    );
}

#[test]
fn a_report_looks_without_counting() {
    compare(
        "report",
        crate::middlebox::middlebox(
            TokenStream::new(),
            quote! { impl Middlebox for Nat { fn report(&self, metrics: &mut Metrics) { metrics.gauge("n", self.n); } } },
        ),
    );
}

#[test]
fn what_does_not_parse_comes_out_unchanged_behind_the_error() {
    let broken = quote! { impl Nat { fn process(&self) { self. } } };
    let expansion = crate::middlebox::middlebox(TokenStream::new(), broken.clone()).to_string();
    assert!(expansion.contains("compile_error"), "{expansion}");
    assert!(expansion.ends_with(&broken.to_string()), "{expansion}");
}

#[test]
fn a_shared_static_becomes_a_handle_and_an_entry_in_the_list() {
    compare(
        "shared_static",
        crate::shared::shared(
            TokenStream::new(),
            quote! {
                /// Documented.
                #[cfg(unix)]
                pub(crate) static SESSIONS: LazyLock<Mutex<HashMap<Key, u32>>> =
                    LazyLock::new(|| Mutex::new(HashMap::new()));
            },
        ),
    );
}

#[test]
fn tuple_structs_name_their_fields_by_number() {
    compare(
        "shared_tuple",
        crate::shared::shared(
            TokenStream::new(),
            quote! {
                pub struct Pair<T>(pub Mutex<T>, #[ftmb(config)] u64)
                where
                    T: Clone;
            },
        ),
    );
    compare(
        "tuple_literal",
        crate::middlebox::middlebox(
            TokenStream::new(),
            quote! {
                impl Pair {
                    fn new() -> Self {
                        Self(Mutex::new(1), 2)
                    }
                }
            },
        ),
    );
}

#[test]
fn an_instrumented_module_gets_attributes_and_imports_of_tracked_types() {
    compare(
        "instrument",
        crate::instrument::instrument(
            TokenStream::new(),
            quote! {
                mod nat {
                    use std::collections::HashMap as Map;
                    use std::sync::{atomic::{self, AtomicU16}, Arc, Mutex};
                    use std::time::*;
                    use parking_lot::RwLock;
                    use rand::random as draw;

                    static NEXT: AtomicU16 = AtomicU16::new(1);
                    static LIMIT: u16 = 9;

                    #[derive(Clone, Copy)]
                    struct Key(u32);
                    #[derive(Clone)]
                    enum Flow { New, Open(Instant) }
                    struct Unused<'a>(&'a u8);
                    type Flows = RwLock<Map<Key, Flow>>;
                    struct Inner { seen: atomic::AtomicU64, last: u64 }
                    pub struct Nat { flows: Flows, inner: Arc<Inner>, #[ftmb(config)] settings: Settings }
                    pub struct Settings { limit: usize }

                    impl Nat {
                        fn new() -> Self {
                            let inner = Inner { seen: atomic::AtomicU64::new(0), last: 3 };
                            Self { flows: Default::default(), inner: Arc::new(inner), settings: Settings { limit: 1 } }
                        }
                    }
                    fn helper(lock: &std::sync::Mutex<u8>) -> u8 {
                        let _ = std::time::Instant::now();
                        *lock.lock().unwrap() + draw::<u8>()
                    }
                    #[ftmb(skip)]
                    fn skipped() -> std::time::Instant {
                        std::time::Instant::now()
                    }
                    mod inner {
                        use super::*;
                        pub struct Deep { lock: Mutex<u8> }
                    }
                }
            },
        ),
    );
}

#[test]
fn names_of_other_crates_become_ftmbs() {
    compare(
        "drop_in",
        crate::middlebox::middlebox(
            quote!(locks = "parking_lot"),
            quote! {
                impl Nat {
                    fn guard(&self, map: &::dashmap::DashMap<u32, u32>) -> parking_lot::MutexGuard<'_, u32> {
                        use dashmap::mapref::{entry::Entry, one::Ref};
                        let made = [DashMap::<u32, u32>::new(), other::DashMap::new(), crate::dashmap::DashMap::new()];
                        let lock = Kind::Mutex(vec![Mutex::new(1)], std::sync::Mutex::new(1));
                        let dashmap = made.dashmap.DashMap;
                        parking_lot::const_mutex(dashmap)
                    }
                    fn all(&self) -> impl Iterator<Item = u32> + use<'_> {
                        parking_lot::Mutex::new(vec![dashmap::DashMap::new()])
                    }
                }
            },
        ),
    );
}

#[test]
fn imports_of_what_is_replaced_stay_in_use() {
    compare(
        "imports",
        crate::shared::shared(TokenStream::new(), quote! { struct Nat { flows: Vec<DashMap<u32, u32>> } }),
    );
}
