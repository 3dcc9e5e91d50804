//! Statements of a random program. Invariant: as for the whole generator; each keeps the account of what may be touched.

use rand::RngExt;

use super::{CELLS, LOCKS, LOOPS, Scope, Writer};

impl Writer {
    pub(super) fn block(&mut self, scope: &Scope) -> String {
        let mut block = String::new();
        for _ in 0..self.rng.random_range(1..3) {
            block += &self.statement(scope);
        }
        block
    }

    pub(super) fn statement(&mut self, scope: &Scope) -> String {
        if scope.depth == 0 {
            return format!("x ^= {};\n", self.simple(scope));
        }
        let inner = scope.deeper();
        let statement = self.state_statement(scope, &inner);
        statement.unwrap_or_else(|| format!("x ^= {};", self.value(&inner))) + "\n"
    }

    fn state_statement(&mut self, scope: &Scope, inner: &Scope) -> Option<String> {
        Some(match self.rng.random_range(0..36) {
            0..5 => {
                let cell = self.field(scope, &CELLS)?;
                let operator = self.pick(&["=", "^=", "|=", "&="]);
                format!("self.{cell} {operator} {};", self.value(inner))
            }
            5 | 6 => {
                self.field(scope, &["slots"])?;
                let (index, operator, value) = (self.value(inner), self.pick(&["=", "^="]), self.value(inner));
                format!("self.slots[({index} % 4) as usize] {operator} {value};")
            }
            7 => {
                self.field(scope, &["list"])?;
                format!("self.list.push({}); if self.list.len() > 30 {{ self.list.truncate(16); }}", self.value(inner))
            }
            8 => {
                self.field(scope, &["list"])?;
                let (index, value) = (self.value(inner), self.value(inner));
                format!(
                    "self.list.insert({index} as usize % 9, {value}); if self.list.len() > 30 {{ self.list.truncate(16); }}"
                )
            }
            9 => {
                self.field(scope, &["list"])?;
                let (index, operator, value) = (self.value(inner), self.pick(&["=", "^="]), self.value(inner));
                format!("self.list[{index} as usize % 9] {operator} {value};")
            }
            10 => {
                self.field(scope, &["list"])?;
                "if self.list.len() > 20 { x ^= self.list.pop().unwrap_or(7); }".into()
            }
            11 => {
                self.field(scope, &["text"])?;
                let value = self.value(inner);
                format!(
                    "self.text.push((b'a' + ({value} % 26) as u8) as char); if self.text.len() > 20 {{ self.text.clear(); }}"
                )
            }
            12 => {
                self.field(scope, &["text"])?;
                format!("self.text = format!(\"{{}}{{}}\", self.text.len(), {});", self.value(inner))
            }
            13 => {
                self.field(scope, &["text"])?;
                format!("write!(self.text, \"{{}}\", {} % 9).unwrap();", self.simple(scope))
            }
            14 | 15 => {
                self.field(scope, &["map"])?;
                let (key, value) = (self.value(inner), self.value(inner));
                format!("self.map.insert({key} % 8, {value});")
            }
            16 => {
                self.field(scope, &["map"])?;
                let late = inner.without("map");
                let (key, value, change) = (self.value(inner), self.value(&late), self.value(inner));
                format!("*self.map.entry({key} % 8).or_insert({value}) ^= {change};")
            }
            17 => {
                self.field(scope, &["map"])?;
                let (local, key) = (self.local(), self.value(inner));
                let body = self.block(&inner.with(&local));
                format!("if let Some({local}) = self.map.get(&({key} % 8)).copied() {{ {body} }}")
            }
            18 => {
                self.field(scope, &["map"])?;
                let (local, body) = (self.local(), self.value(inner));
                format!("let {local} = {body} % 8; if self.map.contains_key(&{local}) {{ self.map.remove(&{local}); }}")
            }
            19 => {
                self.field(scope, &["map"])?;
                let bound = self.value(&inner.without("map"));
                // Not how often or in which order the closure runs: only its answers count.
                let bound = if bound.contains("self.") { self.simple(scope) } else { bound };
                format!("self.map.retain(|key, value| (*key ^ *value) % 3 != {bound} % 3);")
            }
            20 => {
                self.field(scope, &["option"])?;
                let local = self.local();
                let some = self.value(&inner.with(&local));
                let none = self.value(inner);
                format!(
                    "if let Some({local}) = self.option {{ self.option = ({local} % 2 == 0).then_some({some}); }} else {{ self.option = Some({none}); }}"
                )
            }
            21 => {
                self.field(scope, &["option"])?;
                format!("x ^= self.option.take().unwrap_or({});", self.simple(scope))
            }
            22 => {
                self.field(scope, &["mode"])?;
                let (idle, even, odd) = (self.value(inner), self.value(&inner.without("mode")), self.value(inner));
                format!(
                    "match self.mode {{ Mode::Idle => self.mode = Mode::Busy({idle}),
                    Mode::Busy(n) if n % 2 == {even} % 2 => self.mode = Mode::Idle,
                    Mode::Busy(n) => self.mode = Mode::Busy(n ^ {odd}), }}"
                )
            }
            23 => {
                self.field(scope, &["pair"])?;
                let value = self.value(inner);
                let change = self.pick(&[
                    "self.pair.x ^= V;",
                    "self.pair.ys.push(V); if self.pair.ys.len() > 5 { self.pair.ys.clear(); }",
                    "self.pair.ys.iter_mut().for_each(|y| *y ^= 3); self.pair.x = V;",
                    "self.pair = Pair { x: V, ..self.pair.clone() };",
                ]);
                change.replace('V', &value)
            }
            24 => {
                let lock = self.field(scope, &LOCKS)?;
                let (operator, value) = (self.pick(&["=", "^="]), self.value(&inner.without(lock)));
                format!("*self.{lock}.lock().unwrap() {operator} {value};")
            }
            25 | 26 => {
                let lock = self.field(scope, &LOCKS)?;
                let (guard, body) = (self.local(), self.block(&inner.without(lock)));
                let end = self.value(&inner.without(lock));
                let dropped = self.rng.random_ratio(1, 2);
                let after = if dropped { format!("drop({guard}); {}", self.block(inner)) } else { String::new() };
                let (lock_how, close) = match self.rng.random_ratio(1, 3) {
                    true => (format!("if let Ok(mut {guard}) = self.{lock}.try_lock() {{"), "}"),
                    false => (format!("{{ let mut {guard} = self.{lock}.lock().unwrap();"), "}"),
                };
                format!("{lock_how} *{guard} ^= x; {body} *{guard} = *{guard} ^ {end}; x ^= *{guard}; {after} {close}")
            }
            27 => {
                self.field(scope, &["queue"])?;
                let value = self.value(&inner.without("queue"));
                format!(
                    "{{ let mut queue = self.queue.lock().unwrap(); queue.push({value}); if queue.len() > 4 {{ x ^= queue.remove(1); }} }}"
                )
            }
            28 => {
                self.field(scope, &["table"])?;
                let late = inner.without("table");
                format!("self.table.write().unwrap().insert({} % 8, {});", self.value(&late), self.value(&late))
            }
            29 => {
                self.field(scope, &["shards"])?;
                let late = inner.without("shards");
                format!("*self.shards[({} % 3) as usize].lock().unwrap() ^= {};", self.value(&late), self.value(&late))
            }
            30 => {
                let cell = self.field(scope, &CELLS)?;
                let (closure, local) = (self.local(), self.local());
                let body = self.value(&inner.with(&local));
                let (one, two) = (self.value(inner), self.value(inner));
                format!(
                    "let mut {closure} = |{local}: u64| {{ self.{cell} ^= {local}; {body} }}; x ^= {closure}({one}) ^ {closure}({two});"
                )
            }
            31 => {
                let (condition, yes, no) = (self.condition(inner), self.block(inner), self.block(inner));
                format!("if {condition} {{ {yes} }} else {{ {no} }}")
            }
            32 => {
                self.field(scope, &[LOOPS])?;
                let (local, count) = (self.local(), self.value(inner));
                let body = self.block(&inner.repeated().with(&local));
                format!("for {local} in 0..({count} % 3) {{ {body} }}")
            }
            33 => {
                self.field(scope, &[LOOPS])?;
                self.field(scope, &["list"])?;
                let local = self.local();
                let whole =
                    self.pick(&["self.list.clone()", "self.list.iter().map(|item| item ^ 1).collect::<Vec<u64>>()"]);
                format!("for {local} in {whole} {{ {} }}", self.block(&inner.repeated().with(&local)))
            }
            34 => {
                let (one, two) = (self.field(scope, &["c0"])?, self.field(scope, &["c1", "c2"])?);
                let value = self.simple(scope);
                let how = self
                    .pick(&["std::mem::swap(&mut self.A, &mut self.B);", "x ^= std::mem::replace(&mut self.A, V);"]);
                how.replace('A', one).replace('B', two).replace('V', &value)
            }
            _ => {
                self.field(scope, &["flag"])?;
                let condition = self.condition(inner);
                self.pick(&["self.flag = C;", "self.flag ^= C;", "assert!(self.list.len() >= 9, \"{}\", C);"])
                    .replace('C', &condition)
            }
        })
    }
}
