//! Checkpoints: the form in which state leaves the master, waits for its commit, and is kept.
//!
//! Invariant: nothing here holds as applied what the group has not committed, and at every instant, whoever dies, the
//! image together with the staged files yields the committed checkpoint exactly.
//!
//! ```text
//! master                       ckpt log               keeper                                    whoever loads
//! DeltaBuilder ─▶ Delta ─▶ DeltaSender ─▶ frames ─▶ Staging ─▶ stage/<epoch>-<number>
//!                                                      committed: Image::apply ─▶ image ─▶ Image::load ─▶ live objects
//! ```
//!
//! | step (protocol, section 5) | here |
//! | --- | --- |
//! | the flip and the capture write down what changed | [`DeltaBuilder`], [`Delta`] |
//! | the master sends it | [`DeltaSender`], a step at a time |
//! | (1) the keeper stages it | [`Staging`] |
//! | (2), (3) the output logger reads positions and counts, the gateway commits | [`DeltaHead::open`] |
//! | (4) the keeper applies it; whoever loads finishes a half-applied one | [`Image::apply`], [`Image::load`] |
//! | what was never committed is discarded | [`StageDir::discard_uncommitted`] |

mod build;
mod delta;
mod error;
mod head;
mod image;
mod staging;
mod stream;
mod summary;
#[cfg(test)]
mod tests;

pub use build::DeltaBuilder;
pub use delta::{Delta, Runs};
pub use error::CheckpointError;
pub use head::{Counts, DeltaHead};
pub use image::{Applied, Image, ImagePieces};
pub use staging::{StageDir, Staged, StagedFile, Staging};
pub use stream::{CHUNK, DeltaSender, KIND_BEGIN, KIND_DATA, KIND_END, Progress};
pub use summary::{CorePoint, Count, Summary};
