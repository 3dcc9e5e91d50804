//! Where a replay parts from the run it repeats. Invariant: of a replay that was stopped only what it had published is compared.

use std::fmt;

use ftmb_runtime::checkpoint::CorePoint;
use ftmb_runtime::determinant::Word;
use ftmb_runtime::instance::Instance;
use ftmb_runtime::middlebox::Middlebox;

use super::output::Output;
use super::rerun::Run;

/// What differs; enough to find the same place in another run.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// An output of a core, by its number there.
    Output { core: usize, ordinal: u64 },
    /// A variable, by its number.
    Variable(usize),
    /// Which accesses were made; nothing to look at.
    Course,
}

/// One difference.
#[derive(Clone, Debug)]
pub(super) struct Difference {
    pub(super) place: Place,
    /// First byte that differs there.
    pub(super) at: usize,
    text: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// All kinds of differences, the first of each kind: outputs, accesses, variables.
pub(super) fn differences<M: Middlebox>(recorded: &Run<M>, replayed: &Run<M>, points: &[CorePoint]) -> Vec<Difference> {
    let output = first_output(recorded, replayed, points);
    let course = match &replayed.stopped {
        Some(error) => Some(error.to_string()),
        None => first_access(recorded, replayed, points),
    };
    let course = course.map(|text| Difference { place: Place::Course, at: 0, text });
    let variable = if replayed.stopped.is_none() { first_variable(recorded, replayed) } else { None };
    [output, course, variable].into_iter().flatten().collect()
}

fn first_output<M>(recorded: &Run<M>, replayed: &Run<M>, points: &[CorePoint]) -> Option<Difference> {
    let of_core = |core: usize| {
        let point = points[core].ordinal;
        let mut expected = recorded.outputs[core].iter().filter(|output| output.ordinal > point);
        let mut found = replayed.outputs[core].iter();
        loop {
            match (expected.next(), found.next()) {
                (Some(expected), Some(found)) if expected == found => {}
                (None, None) => return None,
                (Some(_), None) if replayed.stopped.is_some() => return None,
                (expected, found) => return Some((expected, found)),
            }
        }
    };
    let all = (0..points.len()).filter_map(of_core);
    let (expected, found) = all.min_by_key(|(expected, found)| expected.or(*found).map(|output| output.source))?;
    let of = expected.or(found)?;
    let kind = if of.control.is_some() { "control request" } else { "packet" };
    let what = format!("output {} of core {}, for {kind} {}", of.ordinal, of.core, of.source);
    let place = Place::Output { core: of.core, ordinal: of.ordinal };
    let (Some(expected), Some(found)) = (expected, found) else {
        let (expected, found) = (name(expected), name(found));
        return Some(Difference { place: Place::Course, at: 0, text: parts(&what, &expected, &found) });
    };
    if (expected.port, expected.source, expected.control) != (found.port, found.source, found.control) {
        let text = parts(&what, &name(Some(expected)), &name(Some(found)));
        return Some(Difference { place: Place::Course, at: 0, text });
    }
    if expected.offload != found.offload {
        let (expected, found) = (format!("{:?}", expected.offload), format!("{:?}", found.offload));
        let text = parts(&format!("what {what} leaves to its interface"), &expected, &found);
        return Some(Difference { place: Place::Course, at: 0, text });
    }
    Some(bytes_differ(&what, place, &expected.bytes, &found.bytes))
}

fn name(output: Option<&Output>) -> String {
    output.map_or_else(
        || "nothing".into(),
        |output| format!("{} bytes for input {} by port {}", output.bytes.len(), output.source, output.port.0),
    )
}

fn first_access<M: Middlebox>(recorded: &Run<M>, replayed: &Run<M>, points: &[CorePoint]) -> Option<String> {
    (0..points.len()).find_map(|core| {
        let expected = &recorded.words[core][points[core].det_pos as usize..];
        let found = &replayed.words[core];
        let at = (0..expected.len().max(found.len())).find(|at| expected.get(*at) != found.get(*at))?;
        let name = |words: &[u64]| match words.get(at) {
            Some(word) => access(&recorded.instance, Word(*word)),
            None => "no further access".into(),
        };
        Some(parts(&format!("access {at} of core {core}"), &name(expected), &name(found)))
    })
}

fn access<M: Middlebox>(instance: &Instance<M>, word: Word) -> String {
    instance.table().name(word.id()).map_or_else(|| word.to_string(), |name| format!("{word}, `{name}`"))
}

fn first_variable<M>(recorded: &Run<M>, replayed: &Run<M>) -> Option<Difference> {
    let pairs = recorded.state.iter().zip(&replayed.state).enumerate();
    let mut differing = pairs.filter(|(_, (expected, found))| expected != found);
    let (id, ((name, expected), (_, found))) = differing.next()?;
    Some(bytes_differ(&format!("variable `{name}`, as saved"), Place::Variable(id), expected, found))
}

fn bytes_differ(what: &str, place: Place, expected: &[u8], found: &[u8]) -> Difference {
    let at = expected.iter().zip(found).take_while(|(expected, found)| expected == found).count();
    let excerpt = |bytes: &[u8]| {
        let from = at.saturating_sub(8);
        let hex: String = bytes[from..bytes.len().min(at + 16)].iter().map(|byte| format!("{byte:02x} ")).collect();
        format!("[{}] at byte {from} of {}", hex.trim_end(), bytes.len())
    };
    Difference { place, at, text: parts(what, &excerpt(expected), &excerpt(found)) }
}

fn parts(what: &str, expected: &str, found: &str) -> String {
    format!("{what}: expected {expected}, found {found}")
}

impl<M> Run<M> {
    /// What this run has at a place.
    pub(super) fn bytes_at(&self, place: &Place) -> Option<&[u8]> {
        match place {
            Place::Output { core, ordinal } => {
                let output = self.outputs[*core].iter().find(|output| output.ordinal == *ordinal);
                output.map(|output| output.bytes.as_slice())
            }
            Place::Variable(id) => self.state.get(*id).map(|(_, bytes)| bytes.as_slice()),
            Place::Course => None,
        }
    }
}
