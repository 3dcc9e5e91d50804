//! A segment of a journal whose heads and checksums are right and whose records are anything.
#![no_main]

use ftmb_fuzz::{Input, path, seal};
use ftmb_netio::journal::{MAGIC, describe};
use libfuzzer_sys::fuzz_target;

const HEAD: usize = 64;
const BLOCK: usize = 4096;

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let flags = input.byte();
    let mut file = Vec::new();
    while !input.is_empty() && file.len() < 16 * BLOCK {
        let start = file.len();
        let length = HEAD + usize::from(input.short()) % (2 * BLOCK);
        file.resize(start + length, 0);
        for record in file[start + HEAD..].chunks_mut(32) {
            let new = input.array::<32>();
            record.copy_from_slice(&new[..record.len()]);
        }
        let batch = &mut file[start..];
        batch[..8].copy_from_slice(&MAGIC.to_le_bytes());
        batch[8..12].copy_from_slice(&1_u32.to_le_bytes());
        batch[32..40].copy_from_slice(&(length as u64).to_le_bytes());
        seal(batch, 12);
        file.resize(file.len().next_multiple_of(BLOCK), 0);
    }
    if flags & 1 != 0 {
        input.damage(&mut file);
    }
    let path = path("segment");
    std::fs::write(&path, &file).expect("there is room");
    describe(&path, u64::MAX).expect("it can be read");
});
