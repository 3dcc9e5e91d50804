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
