//! Batches and records as bytes.

use proptest::prelude::*;

use super::format::{BLOCK, Filling, Kind, Record, batch, head};
use super::*;
use crate::journal::facts::{CoreFacts, Facts, Reached};

fn any_record() -> impl Strategy<Value = (u8, usize, u64, u64, u64, Vec<u8>)> {
    let bytes = prop::collection::vec(any::<u8>(), 1..600);
    (1..7_u8, 0..32_usize, any::<u64>(), any::<u64>(), any::<u64>(), bytes)
}

fn kind(number: u8) -> Kind {
    [Kind::In, Kind::Det, Kind::Checkpoint, Kind::Facts, Kind::Start, Kind::Birth][usize::from(number) - 1]
}

proptest! {
    #[test]
    fn what_is_sealed_is_read_back(records in prop::collection::vec(any_record(), 0..20), run in any::<u64>(), sequence in any::<u64>()) {
        let mut buffer = vec![0xcc; 16 << 10];
        let mut filling = Filling::new();
        for (number, core, epoch, from, whole, bytes) in &records {
            let record = Record { kind: kind(*number), core: *core, epoch: *epoch, from: *from, whole: *whole, bytes };
            prop_assert!(filling.add(&mut buffer, &record));
        }
        let length = filling.seal(&mut buffer, run, sequence, -3);
        prop_assert!(length.is_multiple_of(BLOCK));
        let (head, read) = batch(&buffer[..length]).unwrap();
        prop_assert_eq!((head.run, head.sequence, head.time), (run, sequence, -3));
        let read: Vec<_> = read.map(|r| (r.kind as u8, r.core, r.epoch, r.from, r.whole, r.bytes.to_vec())).collect();
        prop_assert_eq!(read, records);
    }

    #[test]
    fn a_batch_with_any_byte_changed_is_none(at in any::<prop::sample::Index>(), change in 1..=255_u8) {
        let mut buffer = vec![0; BLOCK];
        let mut filling = Filling::new();
        filling.add(&mut buffer, &Record { bytes: &[5; 1000], ..Record::of(Kind::In) });
        let used = filling.len();
        filling.seal(&mut buffer, 1, 2, 3);
        buffer[at.index(used)] ^= change;
        prop_assert!(batch(&buffer).is_err());
    }

    #[test]
    fn arbitrary_bytes_are_a_flaw_or_a_batch(mut bytes in prop::collection::vec(any::<u8>(), 0..300), start in any::<bool>()) {
        if start && bytes.len() > 48 {
            bytes[..8].copy_from_slice(b"ftmb-jrn");
            bytes[8..12].copy_from_slice(&1_u32.to_le_bytes());
        }
        let _ = head(&bytes);
        let _ = batch(&bytes);
        let _ = Facts::parse(&bytes);
        let _ = Positions::parse(&bytes);
        let _ = Origin::parse(&bytes);
        let _ = format::Frames { bytes: &bytes }.count();
    }
}

#[test]
fn facts_positions_and_birth_are_read_back() {
    let released = crate::group_record::Released { ordinal: 1, hash: 2, epoch: 3 };
    let cores = vec![CoreFacts { released, marks: std::array::from_fn(|at| at as u64) }; 3];
    let facts = Facts { epoch: 3, set: 1, committed: 0, variables: 9, ended: true, stamped: [7; 16], cores };
    assert_eq!(Facts::parse(&facts.to_bytes()), Some(facts));
    let positions = Positions {
        input: vec![1, 2],
        det: vec![Reached { epoch: 4, cores: vec![5, 6] }, Reached { epoch: 5, cores: vec![0, 1] }],
        checkpoint: Some((4, 0)),
        begun: true,
    };
    assert_eq!(Positions::parse(&positions.to_bytes()), Some(positions));
    let origin = Origin {
        fingerprint: 7,
        birth: Birth { cores: 2, clock_base: 0, wall: -5, seed: 6 },
        sizes: LogSizes::smallest(),
        ports: true,
        config: b"[group]".to_vec(),
    };
    assert_eq!(Origin::parse(&origin.to_bytes()), Some(origin));
}
