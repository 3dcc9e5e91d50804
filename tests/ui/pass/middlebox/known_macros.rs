//! The arguments of macros of std and of tracing are rewritten, by value, by name, behind sigils.

#![deny(warnings)]

use std::fmt::Write;

#[ftmb::shared]
struct Nat {
    generation: u64,
    name: String,
    log: String,
}

#[ftmb::middlebox]
impl Nat {
    fn new() -> Self {
        Self { generation: 4, name: String::from("nat"), log: String::new() }
    }

    fn process(&self) -> Option<String> {
        assert!(self.generation == 4, "generation {}", self.generation);
        assert_eq!(self.name, "nat", "{} and {name}", self.generation, name = self.name);
        assert_ne!(self.name.len(), self.log.len());
        debug_assert!(!self.name.is_empty());
        debug_assert_eq!(self.generation, 4);
        println!("{} {:?} {:>width$}", self.name, self.name, self.generation, width = self.name.len());
        eprintln!("{:#x}", self.generation);
        assert!(matches!(self.name.as_str(), "nat" | "other" if self.generation > 3));
        let all = vec![self.generation, self.name.len() as u64];
        let many = vec![self.generation; self.name.len()];
        write!(self.log, "{}", self.name).ok()?;
        #[cfg(any())]
        write!(self.log, "{}", self.no_such_field);
        write!(self.log, "-{}-{}", self.log.len(), self.generation).ok()?;
        writeln!(self.log).ok()?;
        let mut own = String::new();
        writeln!(own, "{:?} {many:?} {}", all, self.log.trim_end()).ok()?;
        tracing::info!(generation = self.generation, name = %self.name, log = ?self.log, "state {}", self.generation);
        tracing::debug!("plain");
        let _span = tracing::info_span!("packet", generation = self.generation).entered();
        if self.generation == 5 {
            panic!("{}", self.generation);
        }
        Some(format!("{}{}", own.trim_end(), self.log.len()))
    }
}

fn main() {
    assert_eq!(Nat::new().process().as_deref(), Some("[4, 3] [4, 4, 4] nat-3-48"));
}
