//! `control`: an operator asks the middlebox itself. Invariant: an answer is printed only after its release, so what it says
//! survives whatever dies next.

use std::time::Instant;

use clap::Args;
use ftmb_netio::control::Request;

use super::ask::{PATIENCE, ROUND};
use super::select::Selection;
use super::{CommandError, print};
use crate::Result;

/// What to ask of which group.
#[derive(Clone, Debug, Args)]
pub(super) struct ControlOptions {
    #[command(flatten)]
    selection: Selection,
    /// The request, in words; the middlebox says which there are
    #[arg(value_name = "REQUEST", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    request: Vec<String>,
}

pub(super) fn run(options: &ControlOptions, program: &str) -> Result<()> {
    let (dir, record) = options.selection.open(program)?;
    let request = Request::make(&dir, &record, options.request.join(" ").as_bytes())?;
    let since = Instant::now();
    loop {
        // Before the look: an answer may have come with the end.
        let ended = record.ended() != 0;
        match request.answer()? {
            Some(Ok(reply)) => return print(&line(&reply)),
            Some(Err(reason)) => return Err(CommandError::Refused { reason: line(&reason).trim_end().into() }.into()),
            None if ended => return Err(CommandError::Ended { why: "it was told to, or cannot go on" }.into()),
            None if since.elapsed() > PATIENCE => {
                return Err(CommandError::Timeout { what: "the middlebox to answer", waited: PATIENCE }.into());
            }
            None => std::thread::sleep(ROUND),
        }
    }
}

/// A text that ends its line.
fn line(bytes: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(bytes).into_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}
