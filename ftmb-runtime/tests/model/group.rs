//! The whole group as one value: what survives whom is said field by field.

use std::fmt;

use crate::checkpoint::{Checkpoint, Delta};
use crate::image::Image;
use crate::log::{InLog, Input, Logs};
use crate::master::Master;
use crate::mutant::Rules;
use crate::program::{CORES, Program};
use crate::release::OutputLogger;
use crate::rng::Rng;
use crate::scene::{Scene, Schedule};
use crate::sink::Sink;

/// Adds a line to the trace of a case that is told, and costs nothing otherwise.
macro_rules! note {
    ($group:expr, $($text:tt)+) => {
        if let Some(trace) = &mut $group.trace {
            trace.push(format!($($text)+));
        }
    };
}
pub(crate) use note;

/// What a restart of any process leaves behind, besides logs.
pub(crate) struct GroupRecord {
    pub(crate) epoch: u32,
    pub(crate) committed: u32,
    pub(crate) active: bool,
}

/// The two-slot record of one core, switched by one store.
#[derive(Clone, Copy, Default)]
pub(crate) struct Released {
    pub(crate) ordinal: usize,
    pub(crate) hash: u32,
    pub(crate) agreed: u32,
}

/// What happened in a case, for the report.
#[derive(Clone, Copy, Default)]
pub(crate) struct Stats {
    pub(crate) cases: u64,
    pub(crate) crashes: u64,
    pub(crate) crashes_before_activation: u64,
    pub(crate) hosts_lost: u64,
    pub(crate) output_logger_restarts: u64,
    pub(crate) keeper_restarts: u64,
    pub(crate) checkpoints: u64,
    pub(crate) outputs: u64,
    pub(crate) suppressed: u64,
    pub(crate) words_replayed: u64,
}

impl Stats {
    pub(crate) fn add(&mut self, other: &Self) {
        self.cases += other.cases;
        self.crashes += other.crashes;
        self.crashes_before_activation += other.crashes_before_activation;
        self.hosts_lost += other.hosts_lost;
        self.output_logger_restarts += other.output_logger_restarts;
        self.keeper_restarts += other.keeper_restarts;
        self.checkpoints += other.checkpoints;
        self.outputs += other.outputs;
        self.suppressed += other.suppressed;
        self.words_replayed += other.words_replayed;
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} cases, {} crashes ({} before activation, {} with the host), {} output logger restarts, \
             {} keeper restarts, {} checkpoints, {} outputs, {} suppressed, {} words replayed",
            self.cases,
            self.crashes,
            self.crashes_before_activation,
            self.hosts_lost,
            self.output_logger_restarts,
            self.keeper_restarts,
            self.checkpoints,
            self.outputs,
            self.suppressed,
            self.words_replayed,
        )
    }
}

pub(crate) struct Group {
    pub(crate) rules: Rules,
    pub(crate) rng: Rng,
    pub(crate) program: Program,
    pub(crate) schedule: &'static Schedule,
    /// Shared memory: survives every process.
    pub(crate) record: GroupRecord,
    pub(crate) released: [Released; CORES],
    pub(crate) inputs: [InLog; CORES],
    /// The logs of the current epoch.
    pub(crate) logs: Logs,
    /// The logs of the last active epoch, closed, while the current one is not active.
    pub(crate) old: Logs,
    pub(crate) det_trimmed: [usize; CORES],
    /// What the output logger learnt from `ckpt` about the committed checkpoint.
    pub(crate) committed: Image,
    /// Private to the output logger; a restart loses it.
    pub(crate) ol: OutputLogger,
    /// Private to the master; a crash loses it.
    pub(crate) master: Master,
    /// How far the checkpoint in progress is.
    pub(crate) checkpoint: Checkpoint,
    /// Files of the keeper: the image, and beside it the staged delta.
    pub(crate) image: Image,
    pub(crate) staged: Option<Delta>,
    /// What the world has seen.
    pub(crate) sink: Sink,
    pub(crate) stats: Stats,
    pub(crate) trace: Option<Vec<String>>,
}

impl Group {
    /// The case that `seed` names in `scene`: checkpoint 0 is committed, no input is stamped.
    pub(crate) fn new(seed: u64, scene: &'static Scene, rules: Rules, told: bool) -> Self {
        let mut rng = Rng::new(seed);
        let program = Program::generate(&mut rng, &scene.shape);
        let image = Image::initial(&program);
        let mut inputs: [InLog; CORES] = Default::default();
        for log in inputs.iter_mut().take(program.cores) {
            log.inputs = (0..program.packets).map(|at| Input { script: at as u8, nonce: rng.next() }).collect();
        }
        let cut = [0; CORES];
        Self {
            rules,
            rng,
            schedule: &scene.schedule,
            record: GroupRecord { epoch: 1, committed: 0, active: true },
            released: [Released { ordinal: 0, hash: 0, agreed: 1 }; CORES],
            inputs,
            logs: Logs::default(),
            old: Logs::default(),
            det_trimmed: [0; CORES],
            ol: OutputLogger::at(&image, cut),
            master: Master::load(&image, cut, program.cores),
            committed: image.clone(),
            checkpoint: Checkpoint::idle(),
            image,
            staged: None,
            sink: Sink::default(),
            stats: Stats { cases: 1, ..Stats::default() },
            trace: told.then(Vec::new),
            program,
        }
    }
}
