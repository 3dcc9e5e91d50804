//! The final check: runs the programs once more, one step at a time and without locks, in an order that the surviving
//! words describe, and compares what left and what is left with it.

use crate::group::Group;
use crate::image::insert_key;
use crate::log::{Tag, Word};
use crate::program::{Ask, Guard, Guards, Mode, Op};
use crate::rng::mix;
use crate::verdict::Violation;

#[derive(Clone, Copy)]
struct Place {
    value: u32,
    map: u32,
    ended: u32,
    base: u32,
}

struct Reader {
    register: u32,
    input: usize,
    started: bool,
    pc: usize,
    guards: Guards,
    position: usize,
    outputs: usize,
}

/// Serializes the surviving history of a finished case.
pub(crate) fn verify(group: &Group) -> Result<(), Violation> {
    let mut places = group.program.counts.map(|(acq, base)| Place { value: 0, map: 0, ended: acq, base });
    let mut readers: Vec<Reader> = (0..group.program.cores)
        .map(|_| Reader {
            register: 0,
            input: 0,
            started: false,
            pc: 0,
            guards: Guards::new(),
            position: 0,
            outputs: 0,
        })
        .collect();
    let mut moved = true;
    while moved {
        moved = false;
        for (c, reader) in readers.iter_mut().enumerate() {
            while reader.input < group.program.packets && reader.step(group, c, &mut places)? {
                moved = true;
            }
        }
    }
    for (c, reader) in readers.iter().enumerate() {
        if reader.input < group.program.packets {
            return Err(Violation::Inconsistent { what: "input", at: reader.input });
        }
        if reader.outputs != group.sink.seen[c].len() || reader.register != group.master.cores[c].register {
            return Err(Violation::Inconsistent { what: "the end of core", at: c });
        }
    }
    for (v, place) in places.iter().enumerate().take(group.program.variables) {
        let now = &group.master.variables[v].now;
        if (place.value, place.map, place.ended, place.base) != (now.value, now.map, now.acq, now.base) {
            return Err(Violation::Inconsistent { what: "variable", at: v });
        }
    }
    Ok(())
}

impl Reader {
    fn step(&mut self, group: &Group, c: usize, places: &mut [Place]) -> Result<bool, Violation> {
        let input = group.inputs[c].inputs[self.input];
        if !self.started {
            self.started = true;
            self.pc = 0;
            self.register = mix(self.register, input.nonce);
        }
        let Some(&op) = group.program.scripts[c][usize::from(input.script)].get(self.pc) else {
            while let Some(slot) = self.guards.last() {
                self.close(group, slot, places);
            }
            self.started = false;
            self.input += 1;
            return Ok(true);
        };
        match op {
            Op::Acquire(var, mode, ask) => {
                if self.guards.admit(var, mode, ask) && !self.enter(group, c, (var, mode, ask), places)? {
                    return Ok(false);
                }
            }
            Op::Drop(var) => {
                if let Some(slot) = self.guards.find(var) {
                    self.close(group, slot, places);
                }
            }
            Op::Downgrade(var) => {
                if self.guards.holds(var, Mode::Exclusive) {
                    let slot = self.guards.find(var).unwrap_or(0);
                    self.close(group, slot, places);
                    if !self.enter(group, c, (var, Mode::Shared, Ask::Wait), places)? {
                        return Err(Violation::Inconsistent { what: "a downgrade of variable", at: usize::from(var) });
                    }
                }
            }
            Op::Load(var) => {
                if self.guards.holds(var, Mode::Shared) {
                    self.register = mix(self.register, places[usize::from(var)].value);
                }
            }
            Op::Iterate(var) => {
                if self.guards.holds(var, Mode::Shared) {
                    self.register = mix(self.register, places[usize::from(var)].map);
                }
            }
            Op::Store(var) => {
                if self.guards.holds(var, Mode::Exclusive) {
                    places[usize::from(var)].value = self.register;
                }
            }
            Op::Insert(var) => {
                if self.guards.holds(var, Mode::Exclusive) {
                    let place = &mut places[usize::from(var)];
                    place.map = insert_key(place.map, 1 + (self.register % 9) as u8);
                }
            }
            Op::Draw => {
                let Some(Word::Drawn(value)) = self.next_word(group, c, 1) else {
                    return Err(self.unexplained());
                };
                self.position += 2;
                self.register = mix(self.register, value);
            }
            Op::Emit => {
                if group.sink.seen[c].get(self.outputs) != Some(&self.register) {
                    return Err(Violation::Inconsistent { what: "an output at input", at: self.input });
                }
                self.outputs += 1;
            }
            Op::SkipIfOdd(count) => self.pc += usize::from(count) * (self.register & 1) as usize,
        }
        self.pc += 1;
        Ok(true)
    }

    /// The word `ahead` of the next one. An `X` says nothing that the program does not.
    fn next_word(&mut self, group: &Group, c: usize, ahead: usize) -> Option<Word> {
        let words = &group.logs.det[c].words;
        while matches!(words.get(self.position), Some(Word::End { .. })) {
            self.position += 1;
        }
        words.get(self.position + ahead).copied()
    }

    /// Enters a section if its turn has come, or fails as the log says.
    fn enter(
        &mut self,
        group: &Group,
        c: usize,
        (var, mode, ask): (u8, Mode, Ask),
        places: &mut [Place],
    ) -> Result<bool, Violation> {
        let place = &mut places[usize::from(var)];
        match self.next_word(group, c, 0) {
            Some(Word::Draw(Tag::FailedTry)) if ask == Ask::Try => {}
            Some(Word::Section { mode: logged, var: of, count, .. }) if (logged, of) == (mode, var) => {
                if count != if mode == Mode::Exclusive { place.ended } else { place.base } {
                    return Ok(false);
                }
                self.guards.push(Guard { serial: 0, var, mode, count, closed_early: false });
            }
            _ => return Err(self.unexplained()),
        }
        self.position += 1;
        Ok(true)
    }

    fn close(&mut self, group: &Group, slot: usize, places: &mut [Place]) {
        let Guard { var, mode, count, .. } = self.guards.remove(slot);
        let place = &mut places[usize::from(var)];
        place.ended = place.ended.wrapping_add(group.rules.weight(mode)) & group.program.mask;
        if mode == Mode::Exclusive {
            place.base = count.wrapping_add(1) & group.program.mask;
        }
    }

    fn unexplained(&self) -> Violation {
        Violation::Inconsistent { what: "the determinant at", at: self.position }
    }
}
