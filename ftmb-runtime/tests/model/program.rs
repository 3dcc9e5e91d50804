//! What the cores run: random packet scripts over tracked variables, and the language they are written in.

use crate::rng::Rng;

/// The most cores, variables and guards held at once that a case may have.
pub(crate) const CORES: usize = 4;
pub(crate) const VARIABLES: usize = 4;
pub(crate) const GUARDS: usize = 3;

/// How a section holds its variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Exclusive,
    Shared,
}

/// How a section is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    Wait,
    Try,
}

/// One step of a packet script. An operation on a variable that is not held as it needs does nothing, so every
/// script is a legal program whatever its branches and failed tries make of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    Acquire(u8, Mode, Ask),
    Drop(u8),
    Downgrade(u8),
    /// Folds the variable's value into the register.
    Load(u8),
    /// Stores what the core has read so far.
    Store(u8),
    /// Inserts a key derived from the register into the variable's map.
    Insert(u8),
    /// Folds the map's keys into the register, in the order of iteration.
    Iterate(u8),
    /// Folds a value from outside into the register.
    Draw,
    /// Emits the register as an output.
    Emit,
    /// Skips that many operations if the register is odd.
    SkipIfOdd(u8),
}

/// A section that a core is inside of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guard {
    pub(crate) serial: u8,
    pub(crate) var: u8,
    pub(crate) mode: Mode,
    /// `a` of a `W`, `b` of an `R`.
    pub(crate) count: u32,
    /// Logged as closed although the section goes on (only a mutant does that).
    pub(crate) closed_early: bool,
}

/// The guards that one core holds, oldest first.
#[derive(Clone, Copy)]
pub(crate) struct Guards {
    list: [Guard; GUARDS],
    len: usize,
}

impl Guards {
    pub(crate) fn new() -> Self {
        let none = Guard { serial: 0, var: 0, mode: Mode::Shared, count: 0, closed_early: false };
        Self { list: [none; GUARDS], len: 0 }
    }

    /// Whether packet code may ask for `var` now. Waiting acquisitions go up the order of ids, so the programs
    /// themselves never deadlock; a second acquisition of a held variable is legal only if both are shared.
    pub(crate) fn admit(&self, var: u8, mode: Mode, ask: Ask) -> bool {
        if self.len == GUARDS {
            return false;
        }
        let mut i = 0;
        while i < self.len {
            let held = &self.list[i];
            if held.var == var {
                if held.mode == Mode::Exclusive || mode == Mode::Exclusive {
                    return false;
                }
            } else if ask == Ask::Wait && held.var > var {
                return false;
            }
            i += 1;
        }
        true
    }

    pub(crate) fn get(&self, slot: usize) -> Guard {
        self.list[slot]
    }

    pub(crate) fn push(&mut self, guard: Guard) {
        self.list[self.len] = guard;
        self.len += 1;
    }

    pub(crate) fn remove(&mut self, slot: usize) -> Guard {
        let guard = self.list[slot];
        let mut i = slot + 1;
        while i < self.len {
            self.list[i - 1] = self.list[i];
            i += 1;
        }
        self.len -= 1;
        guard
    }

    /// The oldest guard of `var`.
    pub(crate) fn find(&self, var: u8) -> Option<usize> {
        let mut i = 0;
        while i < self.len {
            if self.list[i].var == var {
                return Some(i);
            }
            i += 1;
        }
        None
    }

    pub(crate) fn holds(&self, var: u8, mode: Mode) -> bool {
        self.find(var).is_some_and(|slot| self.list[slot].mode == mode || mode == Mode::Shared)
    }

    pub(crate) fn last(&self) -> Option<usize> {
        self.len.checked_sub(1)
    }

    pub(crate) fn by_serial(&mut self, serial: u8) -> Option<&mut Guard> {
        self.list[..self.len].iter_mut().find(|guard| guard.serial == serial)
    }
}

/// What kind of programs a scene generates; chances in percent.
pub(crate) struct Shape {
    pub(crate) cores: (usize, usize),
    pub(crate) variables: (usize, usize),
    pub(crate) packets: (usize, usize),
    pub(crate) ops: (usize, usize),
    pub(crate) depth: usize,
    pub(crate) reads: u32,
    pub(crate) tries: u32,
    pub(crate) draws: u32,
    pub(crate) downgrades: u32,
    pub(crate) maps: u32,
    pub(crate) branches: u32,
    pub(crate) emits: u32,
}

/// A generated middlebox and the scripts of the packets that its cores will see.
pub(crate) struct Program {
    pub(crate) cores: usize,
    pub(crate) variables: usize,
    pub(crate) packets: usize,
    pub(crate) scripts: Vec<Vec<Vec<Op>>>,
    /// `acq` and `base` of each variable in checkpoint 0, as a long past would have left them.
    pub(crate) counts: [(u32, u32); VARIABLES],
    /// Counts are kept modulo a power of two; this is that power less one.
    pub(crate) mask: u32,
}

impl Program {
    pub(crate) fn generate(rng: &mut Rng, shape: &Shape) -> Self {
        let cores = rng.between(shape.cores);
        let variables = rng.between(shape.variables);
        let packets = rng.between(shape.packets);
        let mut scripts = Vec::with_capacity(cores);
        let mut words = 0;
        for _ in 0..cores {
            let list: Vec<_> = (0..packets).map(|_| script(rng, shape, variables)).collect();
            words += packets * list.iter().map(|script| words_of(script)).max().unwrap_or(0);
            scripts.push(list);
        }
        // All words of the case fit four times into the range of a count, and a variable may have been read for up
        // to three quarters of that range since it was last written: no `base` comes round again, so equality stays
        // sound; order would not.
        let mask = (words.max(4) as u32 * 4).next_power_of_two() - 1;
        let mut counts = [(0, 0); VARIABLES];
        for count in &mut counts {
            let acquired = rng.next() & mask;
            let read_since = rng.below((mask - mask / 4) as usize) as u32;
            *count = (acquired, acquired.wrapping_sub(read_since) & mask);
        }
        Self { cores, variables, packets, scripts, counts, mask }
    }
}

/// The most determinant words that `script` can cost.
fn words_of(script: &[Op]) -> usize {
    script
        .iter()
        .map(|op| match op {
            Op::Acquire(..) | Op::Draw => 2,
            Op::Downgrade(_) => 3,
            _ => 0,
        })
        .sum()
}

fn script(rng: &mut Rng, shape: &Shape, variables: usize) -> Vec<Op> {
    let mut ops = Vec::with_capacity(24);
    let mut held: [(u8, Mode); GUARDS] = [(0, Mode::Shared); GUARDS];
    let mut count = 0;
    for _ in 0..rng.between(shape.ops) {
        if rng.chance(shape.branches) {
            ops.push(Op::SkipIfOdd(1 + rng.below(3) as u8));
        }
        if rng.chance(shape.draws) {
            ops.push(Op::Draw);
        } else if count > 0 && rng.chance(shape.downgrades) {
            ops.push(Op::Downgrade(held[count - 1].0));
        } else if count == 0 || (count < shape.depth.min(GUARDS) && rng.below(100) < 45) {
            if let Some((var, mode, ask)) = choose(rng, shape, variables, &held[..count]) {
                ops.push(Op::Acquire(var, mode, ask));
                touch(rng, shape, &mut ops, var, mode);
                held[count] = (var, mode);
                count += 1;
            }
        } else if rng.below(100) < 40 {
            let slot = rng.below(count);
            touch(rng, shape, &mut ops, held[slot].0, held[slot].1);
            if rng.below(3) == 0 && rng.chance(shape.emits) {
                ops.push(Op::Emit);
            }
        } else {
            let slot = rng.below(count);
            ops.push(Op::Drop(held[slot].0));
            held.copy_within(slot + 1..count, slot);
            count -= 1;
        }
    }
    while count > 0 {
        let slot = rng.below(count);
        ops.push(Op::Drop(held[slot].0));
        held.copy_within(slot + 1..count, slot);
        count -= 1;
    }
    if rng.chance(shape.emits) {
        ops.push(Op::Emit);
    }
    ops
}

/// A variable to ask for that keeps the order of ids, or a try, which need not.
fn choose(rng: &mut Rng, shape: &Shape, variables: usize, held: &[(u8, Mode)]) -> Option<(u8, Mode, Ask)> {
    let mode = if rng.chance(shape.reads) { Mode::Shared } else { Mode::Exclusive };
    if rng.chance(shape.tries) {
        return Some((rng.below(variables) as u8, mode, Ask::Try));
    }
    let floor = held.iter().map(|(var, _)| usize::from(*var) + 1).max().unwrap_or(0);
    (floor < variables).then(|| ((floor + rng.below(variables - floor)) as u8, mode, Ask::Wait))
}

/// Reads, and under an exclusive guard writes, the variable or its map.
fn touch(rng: &mut Rng, shape: &Shape, ops: &mut Vec<Op>, var: u8, mode: Mode) {
    let map = rng.chance(shape.maps);
    if rng.below(100) < 70 {
        ops.push(if map { Op::Iterate(var) } else { Op::Load(var) });
    }
    if mode == Mode::Exclusive && rng.below(100) < 70 {
        ops.push(if map { Op::Insert(var) } else { Op::Store(var) });
    }
}
