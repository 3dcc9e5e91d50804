//! A plain field that is not `Copy` is held by the head that looks at it.

#[ftmb::state]
#[derive(Clone, PartialEq)]
enum Mode {
    Idle,
    Busy { by: String },
}

#[ftmb::shared]
struct Nat {
    mode: Mode,
    names: Option<Vec<String>>,
    generation: u64,
}

#[ftmb::middlebox]
impl Nat {
    fn matched(&self) {
        match self.mode {
            Mode::Idle => self.mode = Mode::Busy { by: String::new() },
            Mode::Busy { .. } => self.mode = Mode::Idle,
        }
    }

    fn bound(&self) {
        if let Some(names) = &self.names {
            self.generation += names.len() as u64;
            self.names = None;
        }
    }
}

fn main() {}
