//! An image's file that was damaged somewhere: opened, verified and read, or refused.
#![no_main]

use std::sync::OnceLock;

use ftmb_fuzz::{Input, path};
use ftmb_runtime::checkpoint::{CorePoint, DeltaBuilder, Image, Summary};
use ftmb_runtime::state::{Piece, encode_piece};
use libfuzzer_sys::fuzz_target;

/// An image to which three deltas have been applied.
fn sound() -> Vec<u8> {
    let path = path("sound");
    let mut image = Image::create(&path, 7).expect("there is room");
    for number in 0..3_u64 {
        let cores = vec![CorePoint { core_state: vec![1; 56], ..CorePoint::default() }; 2];
        let base = number.checked_sub(1);
        let mut builder = DeltaBuilder::new(Summary { epoch: 1, number, base, fingerprint: 7, variables: 4, cores });
        builder.count(2, 5, 3);
        for id in [0, 3] {
            let done = builder.variable(id, |out| {
                for key in 0..20 + number as u8 {
                    encode_piece(out, Piece::Put { key: &[key], value: &vec![key; usize::from(key) * 3] });
                }
                encode_piece(out, Piece::Remove { key: &[number as u8] });
                Ok::<_, ()>(())
            });
            done.expect("nothing fails");
        }
        image.apply(&builder.finish()).expect("a sound delta");
    }
    image.flush().expect("there is room");
    drop(image);
    std::fs::read(&path).expect("it was written")
}

fuzz_target!(|data: &[u8]| {
    static SOUND: OnceLock<Vec<u8>> = OnceLock::new();
    let mut bytes = SOUND.get_or_init(sound).clone();
    Input::new(data).damage(&mut bytes);
    let path = path("image");
    std::fs::write(&path, &bytes).expect("there is room");
    let Ok(image) = Image::open(&path, 7) else { return };
    let _ = image.verify();
    image.counts().count();
    for id in image.variables() {
        image.variable(id, |pieces| pieces.for_each(drop));
    }
});
