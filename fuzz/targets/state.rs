//! Saved values and pieces of collections: restored, or refused; what was restored can be saved and restored again.
#![no_main]

use std::collections::BTreeMap;

use ftmb_fuzz::Input;
use ftmb_runtime::collections::{HashMap, HashSet};
use ftmb_runtime::state::{Extent, PieceReader, PieceWriter, Place, State, whole};
use libfuzzer_sys::fuzz_target;

fn pieces<T: State + PartialEq + std::fmt::Debug>(new: impl Fn() -> T, bytes: &[u8]) {
    let mut value = new();
    for piece in PieceReader::new(bytes) {
        let Ok(piece) = piece else { break };
        if value.restore(piece).is_err() {
            break;
        }
    }
    if value.restored().is_err() {
        return;
    }
    let (mut saved, mut place) = (Vec::new(), Place::new());
    let mut out = PieceWriter::new(&mut saved, &mut place);
    value.capture(Extent::All, &mut out);
    out.finish().expect("what was restored can be saved");
    let mut again = new();
    for piece in PieceReader::new(&saved) {
        again.restore(piece.expect("just written")).expect("just written");
    }
    again.restored().expect("just written");
    assert_eq!(value, again);
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    // No pool of indexes: it may rightly say that it has four thousand million, and then takes as much memory.
    match input.byte() % 7 {
        0 => drop(whole::decode::<(u64, String, Option<bool>)>(input.rest())),
        1 => drop(whole::decode::<BTreeMap<String, Vec<u32>>>(input.rest())),
        2 => drop(whole::decode::<Vec<std::net::SocketAddr>>(input.rest())),
        3 => pieces(HashMap::<u32, String>::new, input.rest()),
        4 => pieces(HashMap::<String, (u8, Option<i64>)>::new, input.rest()),
        5 => pieces(HashSet::<u16>::new, input.rest()),
        _ => pieces(Vec::<u64>::new, input.rest()),
    }
});
