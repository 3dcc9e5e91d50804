//! A whole checkpoint as one delta relative to nothing: what a run begins with, and what recovery starts from. Invariant: applied to
//! an empty image it gives the image it was made from.

use ftmb_runtime::checkpoint::{Delta, DeltaBuilder, Image, Summary};
use ftmb_runtime::state::{Piece, encode_piece};

/// Everything in an image that holds checkpoint `number`.
pub(super) fn complete(image: &Image, fingerprint: u64, number: u64) -> Delta {
    let mut builder = DeltaBuilder::new(Summary {
        epoch: image.epoch(),
        number,
        base: None,
        fingerprint,
        variables: image.variable_count(),
        cores: image.cores().to_vec(),
    });
    for count in image.counts() {
        if (count.acq, count.base) != (0, 0) {
            builder.count(count.id, count.acq, count.base);
        }
    }
    for id in image.variables() {
        let copied: Result<(), std::convert::Infallible> = image.variable(id, |pieces| {
            builder.variable(id, |out| {
                pieces.for_each(|piece: Piece<'_>| encode_piece(out, piece));
                Ok(())
            })
        });
        copied.unwrap_or_else(|never| match never {});
    }
    builder.finish()
}
