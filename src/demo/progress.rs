//! The line that says how it goes. Invariant: it is written only to a terminal, and nothing of it is left when other text follows.

use std::io::{IsTerminal, Write};

use super::checker::Findings;
use crate::cli::table::count;

/// Between two updates, ns.
const INTERVAL: u64 = 500_000_000;

/// A line on standard error.
#[derive(Debug)]
pub(super) struct Progress {
    shown: bool,
    next: u64,
}

impl Progress {
    pub(super) fn new() -> Progress {
        Progress { shown: std::io::stderr().is_terminal(), next: 0 }
    }

    /// Updates the line if it is time; `elapsed`: ns since the start.
    pub(super) fn show(&mut self, elapsed: u64, sent: u64, findings: &Findings, kills: usize, planned: u32) {
        if !self.shown || elapsed < self.next {
            return;
        }
        self.next = elapsed + INTERVAL;
        let mut error = std::io::stderr().lock();
        // A terminal that is gone takes the line with it.
        let _ = write!(error, "\r\x1b[K{}", line(elapsed, sent, findings, kills, planned));
        let _ = error.flush();
    }

    /// Clears the line.
    pub(super) fn clear(&self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

fn line(elapsed: u64, sent: u64, findings: &Findings, kills: usize, planned: u32) -> String {
    format!(
        "{:5.1} s  {} in  {} released  kills {kills}/{planned}  skipped {}  duplicated {}  contradicted {}",
        elapsed as f64 / 1e9,
        count(sent),
        count(findings.released),
        findings.skipped,
        findings.duplicated,
        findings.contradicted,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_it_goes() {
        let findings = Findings { released: 1200, ..Findings::default() };
        let line = line(1_500_000_000, 1300, &findings, 1, 5);
        assert_eq!(line, "  1.5 s  1,300 in  1,200 released  kills 1/5  skipped 0  duplicated 0  contradicted 0");
    }
}
