//! The member process: standby (or keeper), then perhaps master.

use std::time::Duration;

use ftmb_netio::group_dir::{GroupDir, GroupLogs};
use ftmb_netio::group_record::{EpochRecord, GroupRecord, Identity, MemberError, Phase};
use ftmb_runtime::checkpoint::{
    CheckpointError, CorePoint, Delta, DeltaBuilder, DeltaSender, Image, Progress, Staging, Summary,
};
use ftmb_runtime::determinant::Word;
use ftmb_runtime::frame::{IN_HEADER, KIND_PACKET, OUT_HEADER, OutHeader, split_in};
use ftmb_runtime::log::{FrameReader, FrameWriter, WordWriter};
use ftmb_runtime::state::{Piece, encode_piece};
use zerocopy::IntoBytes;

use super::{CORES, FINGERPRINT};

/// The middlebox's state with its place in the logs.
#[derive(Clone, Debug, Default)]
struct State {
    counts: Vec<u64>,
    points: Vec<CorePoint>,
    number: Option<u64>,
}

struct Member {
    record: GroupRecord,
    logs: GroupLogs,
    dir: GroupDir,
    slot: usize,
    state: State,
}

pub(super) fn run(dir: &GroupDir, slot: usize, token: u64, keeper: bool) {
    let record = GroupRecord::open(&dir.record_path(), FINGERPRINT).expect("record");
    if !record.member(slot).claim(token, Identity::mine()) {
        return;
    }
    let logs = dir.open_logs(CORES, FINGERPRINT).expect("logs");
    let state = State { counts: vec![0; CORES], points: vec![CorePoint::default(); CORES], number: None };
    let mut member = Member { record, logs, dir: dir.clone(), slot, state };
    let epoch = member.stand_by(keeper);
    member.reign(&epoch);
}

impl Member {
    fn announce(&self, phase: Phase) {
        self.record.member(self.slot).set_phase(phase);
        self.record.gateway_bell().ring();
    }

    fn load(&self, committed: u64) -> Image {
        let (image, stage) = (self.dir.image(None), self.dir.stage(None));
        if !image.exists() {
            drop(Image::create(&image, FINGERPRINT).expect("created"));
        }
        loop {
            match Image::load(&image, FINGERPRINT, committed, &stage) {
                Err(CheckpointError::Busy { .. }) => std::thread::sleep(Duration::from_millis(1)),
                loaded => return loaded.expect("loaded"),
            }
        }
    }

    fn mine(&self) -> Option<EpochRecord> {
        self.record.current().filter(|epoch| epoch.master == self.slot)
    }

    /// Follows checkpoints until it is promoted.
    fn stand_by(&mut self, keeper: bool) -> EpochRecord {
        self.announce(Phase::Loading);
        let mut image = None;
        if let Some(committed) = self.record.committed() {
            let loaded = self.load(committed);
            for id in 0..CORES as u32 {
                let mut value = 0;
                loaded.variable(id, |pieces| {
                    for piece in pieces {
                        if let Piece::Put { value: bytes, .. } = piece {
                            value = u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
                        }
                    }
                });
                self.state.counts[id as usize] = value;
            }
            self.state.points = loaded.cores().to_vec();
            self.state.number = Some(committed);
            image = loaded.is_writable().then_some(loaded);
            self.record.member(self.slot).set_applied(committed);
        }
        if let Some(epoch) = self.mine() {
            return epoch;
        }
        let mut staging = Staging::open(&self.dir.stage(None), self.logs.ckpt.clone()).expect("stage");
        let mut staged: Vec<Delta> = Vec::new();
        self.announce(if keeper { Phase::Keeper } else { Phase::Standby });
        loop {
            if let Some(new) = staging.step().expect("whole") {
                self.record.member(self.slot).set_staged(new.epoch, new.number);
                self.record.gateway_bell().ring();
                staged.push(new.delta);
            }
            let committed = self.record.committed();
            if committed > self.state.number {
                let is_it = |delta: &Delta| Some(delta.summary().number) == committed;
                let delta = staged.iter().rfind(|delta| is_it(delta)).expect("staged before it is committed");
                let path = self.dir.image(None);
                let image = image.get_or_insert_with(|| match path.exists() {
                    true => Image::open(&path, FINGERPRINT).expect("image"),
                    false => Image::create(&path, FINGERPRINT).expect("image"),
                });
                image.apply(delta).expect("follows");
                self.apply(delta);
                staged.retain(|delta| Some(delta.summary().number) > committed);
                self.record.member(self.slot).set_applied(committed.expect("some"));
                self.record.gateway_bell().ring();
            } else if let Some(epoch) = self.mine() {
                return epoch;
            }
            self.record.member_bell(self.slot).wait(|| false, Duration::from_micros(200));
        }
    }

    fn apply(&mut self, delta: &Delta) {
        for (id, pieces) in delta.variables() {
            for piece in pieces {
                if let Ok(Piece::Put { value, .. }) = piece {
                    self.state.counts[id as usize] = u64::from_le_bytes(value.try_into().expect("eight bytes"));
                }
            }
        }
        self.state.points = delta.summary().cores.clone();
        self.state.number = Some(delta.summary().number);
    }

    fn reign(&mut self, epoch: &EpochRecord) {
        self.announce(Phase::Promoted);
        match std::fs::read_to_string(self.dir.path().join("sabotage")).as_deref() {
            Ok("divergence") => {
                self.record.member(self.slot).fail(MemberError::Divergence, 1 << 56 | 4096);
                return;
            }
            Ok(_) => return,
            Err(_) => {}
        }
        assert_eq!(self.state.number, epoch.base);
        let mut cores: Vec<_> = (0..CORES).map(|core| Core::new(self, core, epoch)).collect();
        let mut ckpt = self.logs.ckpt.writer().expect("whole");
        self.record.set_variables(CORES);
        if epoch.from.is_none() {
            self.checkpoint(&mut ckpt, &cores, epoch);
        }
        let mut master = false;
        loop {
            let mut busy = false;
            for core in &mut cores {
                busy |= core.work();
            }
            if busy {
                self.record.gateway_bell().ring();
            }
            if !master && self.record.is_active() {
                master = true;
                self.announce(Phase::Master);
            }
            let requested = self.record.requested();
            if requested != self.record.flipped() {
                self.checkpoint(&mut ckpt, &cores, epoch);
                self.record.set_flipped(requested);
            }
            if !busy {
                self.record.core_bell(0).wait(|| false, Duration::from_micros(300));
            }
        }
    }

    fn checkpoint(&mut self, ckpt: &mut FrameWriter, cores: &[Core], epoch: &EpochRecord) {
        let base = self.state.number;
        let number = base.map_or(0, |number| number + 1);
        let points = cores.iter().map(|core| core.point.clone()).collect();
        let (fingerprint, variables) = (FINGERPRINT, CORES as u32);
        let summary = Summary { epoch: epoch.number, number, base, fingerprint, variables, cores: points };
        let mut builder = DeltaBuilder::new(summary);
        for (id, core) in cores.iter().enumerate() {
            builder.count(id as u32, core.count as u32, core.count as u32);
            let value = core.count.to_le_bytes();
            let put = |out: &mut Vec<u8>| {
                encode_piece(out, Piece::Put { key: b"", value: &value });
                Ok::<_, std::convert::Infallible>(())
            };
            builder.variable(id as u32, put).expect("it does not fail");
        }
        let mut sender = DeltaSender::new(builder.finish());
        loop {
            let progress = sender.step(ckpt);
            self.record.members().for_each(|member| self.record.member_bell(member.slot()).ring());
            match progress {
                Progress::Done => break,
                _ => std::thread::sleep(Duration::from_micros(100)),
            }
        }
        self.state.number = Some(number);
    }
}

struct Core {
    index: u32,
    input: FrameReader,
    det: WordWriter,
    out: FrameWriter,
    count: u64,
    point: CorePoint,
}

impl Core {
    fn new(member: &Member, core: usize, epoch: &EpochRecord) -> Core {
        let point = CorePoint { det_pos: 0, out_pos: 0, ..member.state.points[core].clone() };
        Core {
            index: core as u32,
            input: member.logs.input[core].reader(point.in_pos),
            det: member.logs.det[core][epoch.set].word_writer(),
            out: member.logs.out[core][epoch.set].writer().expect("whole"),
            count: member.state.counts[core],
            point,
        }
    }

    fn work(&mut self) -> bool {
        for done in 0..32 {
            if !self.det.has_room(64) || !self.out.has_room(4096) {
                return done != 0;
            }
            let Some(frame) = self.input.next().expect("whole") else {
                return done != 0;
            };
            self.point.in_pos = frame.next;
            if frame.kind != KIND_PACKET {
                continue;
            }
            let (header, bytes) = split_in(frame.payload).expect("an input");
            self.det.push(Word::write(self.index, self.count as u32).0);
            self.count += 1;
            self.point.ordinal += 1;
            self.point.hash =
                ftmb_runtime::chain::extend(self.point.hash, 1, ftmb_runtime::offload::Offload::default(), bytes);
            let mut input = *header;
            input.port = 1.into();
            let header = OutHeader {
                input,
                ordinal: self.point.ordinal.into(),
                hash: self.point.hash.into(),
                need_in: frame.next.into(),
                need_det: self.det.position().into(),
                data_len: (bytes.len() as u32 + 8).into(),
                data_offset: 0.into(),
            };
            let count = self.count.to_le_bytes();
            assert!(frame.payload.len() >= IN_HEADER && OUT_HEADER == header.as_bytes().len());
            self.out.append(KIND_PACKET, 0, &[header.as_bytes(), bytes, &count]).expect("room");
            self.point.det_pos = self.det.position();
            self.point.out_pos = self.out.position();
            self.det.publish();
            self.out.publish();
        }
        true
    }
}
