//! A checkpoint's delta whose checksums are right and whose contents are anything: parsed, and applied to an image.
#![no_main]

use ftmb_fuzz::{Input, path, seal};
use ftmb_runtime::checkpoint::{CorePoint, Delta, DeltaBuilder, Image, Summary};
use ftmb_runtime::state::{Piece, encode_piece};
use libfuzzer_sys::fuzz_target;

/// Offsets in a delta's head: its checksum, its length, the checksum of what follows it.
const CRC: usize = 12;
const HEAD_LEN: usize = 16;
const BODY_CRC: usize = 80;

fn sound() -> Vec<u8> {
    let cores = vec![CorePoint { in_pos: 9, core_state: vec![1; 56], ..CorePoint::default() }; 2];
    let summary = Summary { epoch: 1, number: 1, base: None, fingerprint: 7, variables: 4, cores };
    let mut builder = DeltaBuilder::new(summary);
    builder.count(2, 5, 3);
    for id in [0, 3] {
        let done = builder.variable(id, |out| {
            encode_piece(out, Piece::Clear { prefix: &[] });
            encode_piece(out, Piece::Put { key: b"key", value: &[7; 300] });
            encode_piece(out, Piece::Remove { key: b"other" });
            Ok::<_, ()>(())
        });
        done.expect("nothing fails");
    }
    builder.finish().to_bytes()
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let flags = input.byte();
    let mut bytes = sound();
    input.damage(&mut bytes);
    if flags & 1 != 0 && bytes.len() > BODY_CRC + 4 {
        let length = u64::from_le_bytes(bytes[HEAD_LEN..HEAD_LEN + 8].try_into().expect("eight bytes"));
        if let Some((_, body)) = usize::try_from(length).ok().and_then(|length| bytes.split_at_checked(length)) {
            let crc = crc32fast::hash(body);
            bytes[BODY_CRC..BODY_CRC + 4].copy_from_slice(&crc.to_le_bytes());
            if length as usize >= BODY_CRC + 8 {
                seal(&mut bytes[..length as usize], CRC);
            }
        }
    }
    let Ok(delta) = Delta::parse(bytes) else { return };
    for (_, pieces) in delta.variables() {
        pieces.for_each(|piece| assert!(piece.is_ok(), "it was checked"));
    }
    // Each has its counts in the image: millions of them are allowed, and take their time.
    if delta.summary().variables > 100_000 {
        return;
    }
    let path = path("image");
    let _ = std::fs::remove_file(&path);
    let mut image = Image::create(&path, 7).expect("there is room");
    if image.apply(&delta).is_ok() {
        image.verify().expect("what was written is sound");
    }
});
