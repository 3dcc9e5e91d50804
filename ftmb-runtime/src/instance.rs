//! One middlebox with its tracked state: constructed, restored, run by cores, captured at flips.
//!
//! Invariant: the instance, not the process, owns the variables, so that a test holds master, standby and a twin in one process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::checkpoint::{CheckpointError, CorePoint, Delta, DeltaBuilder, Image, Summary};
use crate::crew::Crew;
use crate::flip::{Arrival, Flip, FlipRequest, Flipped};
use crate::middlebox::{Metrics, Middlebox};
use crate::replayer::Divergence;
use crate::state::{Extent, Piece, PieceReader};
use crate::sync::{Statics, Table, TableError};

/// Why an instance cannot be made, restored or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstanceError {
    /// The state cannot be tracked, captured or restored.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A checkpoint cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A log cannot be read.
    #[error(transparent)]
    Log(#[from] crate::log::LogError),
    /// Replay did not reproduce what was logged.
    #[error(transparent)]
    Diverged(#[from] Divergence),
    /// User code panicked.
    #[error("core {core} panicked on the input at position {input}: {message}")]
    Panicked {
        /// The core.
        core: usize,
        /// Position of the input in the core's `in` log.
        input: u64,
        /// What the panic said.
        message: String,
    },
    /// A frame in the `in` log that is no input.
    #[error("core {core}, input position {position}: expected a packet, tick or control frame, found kind {found}")]
    Input {
        /// The core.
        core: usize,
        /// Position in its `in` log.
        position: u64,
        /// The frame's kind.
        found: u8,
    },
    /// A checkpoint of another shape.
    #[error("checkpoint of {what}: expected {expected}, found {found}")]
    Shape {
        /// What differs.
        what: &'static str,
        /// What this instance has.
        expected: u64,
        /// What the checkpoint has.
        found: u64,
    },
}

/// A middlebox, its variables and its cores' meeting point.
///
/// ```
/// use ftmb_runtime::context::Context;
/// use ftmb_runtime::instance::Instance;
/// use ftmb_runtime::middlebox::Middlebox;
/// use ftmb_runtime::packet::{Packet, Verdict};
/// use ftmb_runtime::sync::{Counter, Shared, Walker};
/// struct Sink { seen: Counter }
/// impl Shared for Sink {
///     fn walk<'a>(&'a self, walker: &mut Walker<'a>) {
///         walker.field("seen", &self.seen);
///     }
/// }
/// impl Middlebox for Sink {
///     fn process(&self, _: &mut Packet<'_>, _: &mut Context<'_>) -> Verdict {
///         self.seen.add(1);
///         Verdict::Drop
///     }
/// }
/// let instance = Instance::new(Sink { seen: Counter::new() }, 2, None)?;
/// assert_eq!(instance.table().name(0), Some("seen"));
/// # Ok::<(), ftmb_runtime::instance::InstanceError>(())
/// ```
#[derive(Debug)]
pub struct Instance<M> {
    table: Table<M>,
    /// Variables without counts: looked at in every capture.
    unordered: Vec<u32>,
    cores: usize,
    pub(crate) crew: Arc<Crew>,
    pub(crate) flip: Flip,
    stop: AtomicBool,
}

impl<M: Middlebox> Instance<M> {
    /// Finds and numbers the variables of a middlebox whose construction touched no shared statics. `crash_after`: see
    /// [`Crew::new`].
    ///
    /// # Errors
    /// [`InstanceError::Table`].
    pub fn new(middlebox: M, cores: usize, crash_after: Option<u64>) -> Result<Instance<M>, InstanceError> {
        Instance::construct(cores, crash_after, || Ok(middlebox))
    }

    /// Makes the instance's copies of the shared statics, constructs the middlebox, which may use them, and finds and numbers the
    /// variables of all.
    ///
    /// # Errors
    /// What `make` returns; [`InstanceError::Table`].
    pub fn construct<E: From<InstanceError>>(
        cores: usize,
        crash_after: Option<u64>,
        make: impl FnOnce() -> Result<M, E>,
    ) -> Result<Instance<M>, E> {
        let statics = Statics::new().map_err(InstanceError::from)?;
        let middlebox = statics.enter(make)?;
        let table = Table::with_statics(middlebox, statics, cores).map_err(InstanceError::from)?;
        let unordered = (0..table.len() as u32).filter(|id| !table.is_ordered(*id)).collect();
        let crew = Arc::new(Crew::new(crash_after));
        Ok(Instance { table, unordered, cores, crew, flip: Flip::default(), stop: AtomicBool::new(false) })
    }

    /// The variables.
    pub fn table(&self) -> &Table<M> {
        &self.table
    }

    /// The middlebox.
    pub fn middlebox(&self) -> &M {
        self.table.root()
    }

    /// What the middlebox reports.
    pub fn report(&self, metrics: &mut Metrics) {
        self.table.enter(|| self.middlebox().report(metrics));
    }

    /// How many cores run it.
    pub fn cores(&self) -> usize {
        self.cores
    }

    /// What its cores share.
    pub fn crew(&self) -> &Crew {
        &self.crew
    }

    /// Asks the cores to stop at the next packet boundary.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    /// Whether the cores were asked to stop, crashed or diverged.
    pub fn is_over(&self) -> bool {
        self.stop.load(Ordering::SeqCst) || self.crew.is_dead()
    }

    /// Takes a checkpoint: calls the cores together and waits for the result. The caller rings their bells. `None`: the instance
    /// is over, or a core is within its cut (no flip then).
    ///
    /// # Errors
    /// [`InstanceError::Table`] if a value refuses to be encoded.
    pub fn flip(
        &self,
        request: FlipRequest,
        recycled: Option<Delta>,
        ring: impl FnOnce(),
    ) -> Result<Option<Flipped>, InstanceError> {
        if self.crew.is_replaying() || self.is_over() {
            return Ok(None);
        }
        self.flip.call(request, recycled);
        ring();
        Ok(self.flip.result(|| self.is_over()).transpose()?)
    }

    /// Captures the state as constructed, before any core runs: checkpoint 0.
    ///
    /// # Errors
    /// [`InstanceError::Table`].
    pub fn capture_constructed(&self, request: FlipRequest, points: Vec<CorePoint>) -> Result<Delta, InstanceError> {
        let arrivals: Vec<Arrival> =
            points.into_iter().enumerate().map(|(core, point)| Arrival { core, point, acquired: Vec::new() }).collect();
        Ok(self.capture(request, &arrivals, None)?)
    }

    /// Captures at a flip. Nobody is inside any variable.
    pub(crate) fn capture(
        &self,
        request: FlipRequest,
        arrivals: &[Arrival],
        recycled: Option<Delta>,
    ) -> Result<Delta, TableError> {
        let summary = Summary {
            epoch: request.epoch,
            number: request.number,
            base: request.base,
            fingerprint: request.fingerprint,
            variables: self.table.len() as u32,
            cores: arrivals.iter().map(|arrival| arrival.point.clone()).collect(),
        };
        let mut delta = match recycled {
            Some(old) => DeltaBuilder::reusing(summary, old),
            None => DeltaBuilder::new(summary),
        };
        let mut take = |id: u32, extent: Extent| {
            if let Some((acquired, base)) = self.table.counts(id) {
                delta.count(id, acquired, base);
            }
            delta.variable(id, |out| self.table.capture(id, extent, out))
        };
        if request.base.is_none() {
            for id in 0..self.table.len() as u32 {
                take(id, Extent::All)?;
            }
        } else {
            for id in arrivals.iter().flat_map(|arrival| &arrival.acquired).chain(&self.unordered) {
                take(*id, Extent::Changed)?;
            }
        }
        Ok(delta.finish())
    }

    /// Restores the whole state from an image.
    ///
    /// # Errors
    /// [`InstanceError::Shape`] if the image is of another state, [`InstanceError::Table`] if a piece does not fit.
    pub fn load(&self, image: &Image) -> Result<(), InstanceError> {
        self.check_shape(image.variable_count(), image.cores().len())?;
        for count in image.counts() {
            self.restore_counts(count.id, count.acq, count.base)?;
        }
        for id in image.variables().collect::<Vec<_>>() {
            // A complete restore starts from nothing.
            image.variable(id, |pieces| self.restore_pieces(id, pieces.map(Ok)))?;
        }
        Ok(())
    }

    /// Applies a committed delta to live objects.
    ///
    /// # Errors
    /// As [`load`](Self::load); also for damaged pieces.
    pub fn apply(&self, delta: &Delta) -> Result<(), InstanceError> {
        let summary = delta.summary();
        self.check_shape(summary.variables, summary.cores.len())?;
        for count in delta.counts() {
            self.restore_counts(count.id, count.acq, count.base)?;
        }
        for (id, pieces) in delta.variables() {
            self.restore_pieces(id, pieces)?;
        }
        Ok(())
    }

    /// Notes that the live objects are what the last committed checkpoint holds; before the cores start.
    pub fn adopt(&self) {
        self.table.adopt();
    }

    fn check_shape(&self, variables: u32, cores: usize) -> Result<(), InstanceError> {
        let check = |what, expected: usize, found: usize| {
            if expected == found {
                return Ok(());
            }
            Err(InstanceError::Shape { what, expected: expected as u64, found: found as u64 })
        };
        check("variables", self.table.len(), variables as usize)?;
        check("cores", self.cores, cores)
    }

    fn restore_counts(&self, id: u32, acquired: u32, base: u32) -> Result<(), InstanceError> {
        Ok(self.table.set_counts(id, acquired, base)?)
    }

    fn restore_pieces<'p>(
        &self,
        id: u32,
        pieces: impl Iterator<Item = Result<Piece<'p>, crate::state::StateError>>,
    ) -> Result<(), InstanceError> {
        for piece in pieces {
            let piece = piece.map_err(|source| TableError::State {
                id,
                name: self.table.name(id).unwrap_or("?").into(),
                source,
            })?;
            self.table.restore(id, piece)?;
        }
        Ok(self.table.restored(id)?)
    }

    /// The whole state as bytes per variable, for comparing two instances. No core may run.
    ///
    /// # Errors
    /// [`InstanceError::Table`].
    pub fn snapshot(&self) -> Result<Vec<(String, Vec<u8>)>, InstanceError> {
        let mut all = Vec::new();
        for id in 0..self.table.len() as u32 {
            let mut bytes = Vec::new();
            self.table.capture(id, Extent::All, &mut bytes)?;
            debug_assert!(PieceReader::new(&bytes).all(|piece| piece.is_ok()));
            all.push((self.table.name(id).unwrap_or("?").to_string(), bytes));
        }
        Ok(all)
    }
}
