//! Random programs over tracked state, as source. Invariant: a program never panics, overflows, locks what it holds or changes what it
//! borrows, so whatever differs between its plain and its annotated form is the attributes' doing.
//!
//! Every value is a `u64`. A program keeps an account of what may be touched where: locks that are held and fields that are borrowed
//! are avoided, also by the helpers that are called meanwhile. The list stays long enough for its indices, whatever two cores do.

#[path = "statements.rs"]
mod statements;

use std::collections::BTreeSet;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// A program: the same source for both forms, and what of it differs.
pub(crate) struct Program {
    /// Methods, with `self.` before fields and helpers.
    methods: String,
}

const FIELDS: &str = "
    c0: u64, c1: u64, c2: u64, flag: bool, option: Option<u64>, mode: Mode, slots: [u64; 4],
    list: Vec<u64>, text: String, map: HashMap<u64, u64>, pair: Pair,
    l0: Mutex<u64>, l1: Mutex<u64>, queue: Mutex<Vec<u64>>, table: RwLock<BTreeMap<u64, u64>>, shards: Vec<Mutex<u64>>,
    hits: AtomicU64,
";

const NEW: &str = "Self {
    c0: 1, c1: 2, c2: 3, flag: false, option: None, mode: Mode::Idle, slots: [0; 4],
    list: (0..16).collect(), text: String::new(), map: HashMap::new(), pair: Pair { x: 0, ys: Vec::new() },
    l0: Mutex::new(0), l1: Mutex::new(1), queue: Mutex::new(Vec::new()), table: RwLock::new(BTreeMap::new()),
    shards: (0..3).map(Mutex::new).collect(), hits: AtomicU64::new(0),
}";

const TYPES: &str = "
    #[derive(Clone, Copy, PartialEq, Debug)] pub enum Mode { Idle, Busy(u64) }
    #[derive(Clone, PartialEq, Debug)] pub struct Pair { pub x: u64, pub ys: Vec<u64> }
";

const USES: &str = "
    #[allow(unused_imports)] use std::{collections::{BTreeMap, HashMap}, fmt::Write as _};
    #[allow(unused_imports)] use std::sync::{Mutex, RwLock, atomic::{AtomicU64, Ordering::Relaxed}};
";

impl Program {
    /// The program of a seed.
    pub(crate) fn of(seed: u64) -> Program {
        let mut writer =
            Writer { rng: SmallRng::seed_from_u64(seed), helpers: Vec::new(), used: BTreeSet::new(), locals: 0 };
        let mut methods = String::new();
        // From the innermost: each calls only those that are there already.
        for number in 0..3 {
            methods += &writer.method(&format!("h{number}"));
        }
        methods += &writer.method("run");
        Program { methods }
    }

    /// The module of both forms.
    pub(crate) fn module(&self, seed: u64) -> String {
        let types = TYPES.replace("#[derive", "#[ftmb::state] #[derive");
        let methods = &self.methods;
        let plain = plain(methods);
        format!(
            "pub mod annotated {{ {USES} {types}
            #[ftmb::shared] pub struct Program {{ {FIELDS} }}
            #[ftmb::middlebox] impl Program {{ pub fn new() -> Self {{ {NEW} }} {methods} }}
            #[ftmb::middlebox] impl ftmb::prelude::Middlebox for Program {{
                fn process(&self, packet: &mut ftmb::prelude::Packet<'_>, _: &mut ftmb::prelude::Context<'_>) -> ftmb::prelude::Verdict {{
                    let number = u64::from_be_bytes(packet.bytes()[crate::harness::NUMBER].try_into().unwrap());
                    let answer = self.run(number);
                    packet.bytes_mut()[crate::harness::NUMBER].copy_from_slice(&answer.to_be_bytes());
                    ftmb::prelude::Verdict::Forward(ftmb::prelude::PortId(1))
                }}
            }} }}
            pub mod plain {{ {USES} {TYPES}
            pub struct Program {{ {FIELDS} }}
            impl Program {{ pub fn new() -> Self {{ {NEW} }} {plain} }} }}
            pub fn check() {{
                let mut program = plain::Program::new();
                let make = || Box::new(annotated::Program::new()) as Box<dyn ftmb::prelude::Middlebox>;
                crate::harness::check({seed}, make, &mut |number| plain::Program::run(&raw mut program, number));
            }}"
        )
    }
}

/// The methods over std types: `&self` becomes a raw pointer, so that plain fields can be assigned as the annotated form may.
fn plain(methods: &str) -> String {
    let mut plain =
        methods.replace("(&self, ", "(this: *mut Self, ").replace("{ //", "{ unsafe {").replace("} //", "} }");
    for helper in ["h0", "h1", "h2"] {
        plain = plain.replace(&format!("self.{helper}("), &format!("Self::{helper}(this, "));
    }
    plain.replace("self.", "(*this).")
}

struct Writer {
    rng: SmallRng,
    /// What each helper touches, itself or through others.
    helpers: Vec<BTreeSet<&'static str>>,
    used: BTreeSet<&'static str>,
    locals: usize,
}

/// What an expression or statement may use.
#[derive(Clone)]
struct Scope {
    locals: Vec<String>,
    avoid: BTreeSet<&'static str>,
    depth: usize,
}

impl Scope {
    fn without(&self, field: &'static str) -> Scope {
        let mut inner = self.deeper();
        inner.avoid.insert(field);
        // Locks are taken in one order: two cores must not wait for each other.
        if let Some(at) = ORDER.iter().position(|lock| *lock == field) {
            inner.avoid.extend(&ORDER[..at]);
        }
        inner
    }

    fn deeper(&self) -> Scope {
        Scope { depth: self.depth.saturating_sub(1), ..self.clone() }
    }

    /// What is repeated neither repeats nor calls: else a program's time would be a product of all its loops.
    fn repeated(&self) -> Scope {
        self.without(CALLS).without(LOOPS)
    }

    fn with(&self, local: &str) -> Scope {
        let mut inner = self.deeper();
        inner.locals.push(local.into());
        inner
    }
}

/// Not fields, but avoided like them.
const CALLS: &str = "(calls)";
const LOOPS: &str = "(loops)";

const CELLS: [&str; 3] = ["c0", "c1", "c2"];
const ORDER: [&str; 5] = ["l0", "l1", "queue", "table", "shards"];
const LOCKS: [&str; 2] = ["l0", "l1"];

impl Writer {
    fn method(&mut self, name: &str) -> String {
        self.used.clear();
        let mut scope = Scope { locals: vec!["x".into()], avoid: BTreeSet::new(), depth: 4 };
        let mut body = String::new();
        for _ in 0..self.rng.random_range(3..8) {
            body += &self.statement(&scope);
        }
        scope.depth = 3;
        let result = self.value(&scope);
        self.used.insert(CALLS);
        self.helpers.push(self.used.clone());
        format!("pub fn {name}(&self, mut x: u64) -> u64 {{ //\n{body} x ^= 1; x.rotate_left(5) ^ {result}\n}} //\n")
    }

    fn local(&mut self) -> String {
        self.locals += 1;
        format!("y{}", self.locals)
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.rng.random_range(0..from.len())]
    }

    /// A field of these that may be touched, noted as touched.
    fn field(&mut self, scope: &Scope, from: &[&'static str]) -> Option<&'static str> {
        let field = self.pick(from);
        if scope.avoid.contains(field) {
            return None;
        }
        self.used.insert(field);
        Some(field)
    }

    /// A value that touches no state.
    fn simple(&mut self, scope: &Scope) -> String {
        if self.rng.random_ratio(1, 3) {
            return format!("{}", self.rng.random_range(0..9));
        }
        let at = self.rng.random_range(0..scope.locals.len());
        scope.locals[at].clone()
    }

    /// A value, of any kind that the scope allows.
    fn value(&mut self, scope: &Scope) -> String {
        if scope.depth == 0 {
            return self.simple(scope);
        }
        let inner = scope.deeper();
        self.state_value(scope, &inner).unwrap_or_else(|| {
            let (left, right) = (self.value(&inner), self.value(&inner));
            let operator = self.pick(&["^", "|", "&"]);
            format!("({left} {operator} {right})")
        })
    }

    fn state_value(&mut self, scope: &Scope, inner: &Scope) -> Option<String> {
        Some(match self.rng.random_range(0..30) {
            0..5 => format!("self.{}", self.field(scope, &CELLS)?),
            5..9 => {
                let helpers: Vec<usize> = (0..self.helpers.len().min(3)).collect();
                let callable = |helper: &usize| self.helpers[*helper].is_disjoint(&scope.avoid);
                let helpers: Vec<usize> = helpers.into_iter().filter(callable).collect();
                let helper = if helpers.is_empty() { return None } else { self.pick(&helpers) };
                let touched = self.helpers[helper].clone();
                self.used.extend(touched);
                format!("self.h{helper}({})", self.value(inner))
            }
            9 => {
                self.field(scope, &["slots"])?;
                format!("self.slots[({} % 4) as usize]", self.value(inner))
            }
            10 => {
                self.field(scope, &["list"])?;
                format!("self.list[({} % 9) as usize]", self.value(inner))
            }
            11 => {
                self.field(scope, &[LOOPS])?;
                self.field(scope, &["list"])?;
                let local = self.local();
                // Under a plain field's section no other is begun: see docs/HOLES.md.
                let body = self.simple(&inner.with(&local));
                format!("self.list.iter().map(|{local}| {{ let {local} = *{local}; {body} }}).fold(0, |a, b| a ^ b)")
            }
            12 => {
                let field = self.field(scope, &["list", "text", "map"])?;
                format!("(self.{field}.len() as u64)")
            }
            13 => {
                self.field(scope, &["map"])?;
                let late = self.value(&inner.without("map"));
                format!("self.map.get(&({} % 8)).copied().unwrap_or({late})", self.value(inner))
            }
            14 => {
                self.field(scope, &["map"])?;
                "self.map.values().fold(0, |a, b| a ^ b)".into()
            }
            15 => {
                self.field(scope, &["option"])?;
                let local = self.local();
                let body = self.value(&inner.without("option").with(&local));
                format!("self.option.map_or({}, |{local}| {body})", self.simple(scope))
            }
            16 => {
                self.field(scope, &["option"])?;
                format!("self.option.replace({}).unwrap_or(4)", self.value(inner))
            }
            17 => {
                self.field(scope, &["mode"])?;
                let guard = self.simple(scope);
                format!("u64::from(matches!(self.mode, Mode::Busy(n) if n > {guard}))")
            }
            18 => {
                self.field(scope, &["text"])?;
                "self.text.bytes().map(u64::from).fold(0, |a, b| a ^ b)".into()
            }
            19 => {
                let (one, two) = (self.value(inner), self.value(inner));
                format!("(format!(\"{{}}-{{:?}}\", {{ {one} }}, {{ {two} }}).len() as u64)")
            }
            20 => {
                let (one, two) = (self.value(inner), self.value(inner));
                format!("vec![{one}, {two}].iter().fold(0, |a, b| a ^ b)")
            }
            21 => {
                let lock = self.field(scope, &LOCKS)?;
                format!("{{ let value = *self.{lock}.lock().unwrap(); value }}")
            }
            22 => {
                self.field(scope, &["table"])?;
                let key = self.value(&inner.without("table"));
                format!("{{ let value = self.table.read().unwrap().get(&({key} % 8)).copied(); value.unwrap_or(5) }}")
            }
            23 => {
                self.field(scope, &["shards"])?;
                "self.shards.iter().map(|shard| *shard.lock().unwrap()).fold(0, |a, b| a ^ b)".into()
            }
            24 => {
                self.field(scope, &["hits"])?;
                let method = self.pick(&["fetch_add", "fetch_xor", "swap"]);
                format!("self.hits.{method}({}, Relaxed)", self.value(inner))
            }
            25 => {
                self.field(scope, &["pair"])?;
                self.pick(&["self.pair.x", "self.pair.ys.iter().fold(0, |a, b| a ^ b)", "self.pair.clone().x"]).into()
            }
            26 => {
                let condition = self.condition(inner);
                let (one, two) = (self.value(inner), self.value(inner));
                format!("(if {condition} {{ {one} }} else {{ {two} }})")
            }
            28 => {
                // The operand must not change the receiver: see docs/HOLES.md.
                let cell = self.field(scope, &CELLS)?;
                let operand = self.value(&inner.without(cell));
                format!("self.{cell}.wrapping_add({operand})")
            }
            27 => {
                let local = self.local();
                let (bound, body) = (self.value(inner), self.value(&inner.with(&local)));
                format!("{{ let {local} = {bound}; {body} }}")
            }
            _ => return None,
        })
    }

    fn condition(&mut self, scope: &Scope) -> String {
        let inner = scope.deeper();
        match self.rng.random_range(0..5) {
            0 if self.field(scope, &["flag"]).is_some() => "self.flag".into(),
            1 if self.field(scope, &["flag"]).is_some() => {
                format!("!self.flag && {} % 2 == 0", self.value(&inner))
            }
            2 if self.field(scope, &["map"]).is_some() => {
                format!("self.map.contains_key(&({} % 8))", self.value(&inner))
            }
            3 if self.field(scope, &["mode"]).is_some() => "self.mode == Mode::Idle".into(),
            _ => format!("{} % 4 < {} % 4", self.value(&inner), self.value(&inner)),
        }
    }
}
