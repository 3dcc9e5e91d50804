//! Frames from an interface, whatever they and their offload metadata say: classified, cut and completed in software, translated.
#![no_main]

use std::cell::RefCell;

use ftmb_fuzz::Input;
use ftmb_netio::flow::FlowHash;
use ftmb_netio::offload::{completed, pieces};
use ftmb_netio::port::MAX_FRAME;
use ftmb_runtime::offload::{Checksum, Offload};
use ftmb_runtime::packet::{Packet, PortId};
use ftmb_runtime::time::Instant;
use ftmb_unprotected::{Context, Middlebox};
use libfuzzer_sys::fuzz_target;

thread_local! {
    static BOXES: RefCell<[Box<dyn Middlebox>; 2]> =
        RefCell::new([Box::new(ftmb_unprotected::nat()), Box::new(ftmb_unprotected::monitor())]);
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let (port, now) = (PortId(u16::from(input.byte() & 1)), Instant::from_nanos(input.long() >> 16));
    let offload = Offload::from_bytes(input.array());
    let frame = input.rest();
    if frame.len() > MAX_FRAME {
        return;
    }
    FlowHash::new(1).pick(port, frame);
    let mut scratch = Vec::new();
    let mut handed = 0;
    let cut = pieces(frame, offload, &mut scratch, |piece| {
        assert!(piece.len() <= frame.len());
        handed += 1;
    });
    assert_eq!(cut.unwrap_or(0), handed);
    if let Ok(whole) = completed(frame, offload, &mut scratch) {
        assert_eq!(whole.len(), frame.len());
        assert!(whole == frame || matches!(offload.checksum(), Checksum::Partial { .. }));
    }
    ftmb_unprotected::enter(0);
    let mut space = vec![0; Packet::space_for(frame.len())];
    BOXES.with_borrow_mut(|boxes| {
        for middlebox in boxes {
            let mut emitted = Vec::new();
            let mut packet = Packet::new(&mut space, frame, port, now, 0).with_offload(offload);
            let mut cx = Context { now, core: 0, cores: 1, emitted: &mut emitted };
            middlebox.process(&mut packet, &mut cx);
        }
    });
});
