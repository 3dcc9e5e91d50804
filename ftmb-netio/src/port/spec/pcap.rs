//! A port of kind `pcap`: `inside=pcap:in.pcap:out.pcap,pace=flat`. Invariant: there is a file, and a pace only with one to read.

use std::path::PathBuf;

use super::Pace;

/// A port of kind `pcap`: a capture to read, one to write, or both.
///
/// ```
/// use ftmb_netio::port::{Pace, PcapSpec};
///
/// let pcap = PcapSpec::reading("in.pcap").with_output("out.pcap").with_pace(Pace::Flat);
/// assert_eq!(pcap.input().unwrap().to_str(), Some("in.pcap"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PcapSpec {
    pub(super) input: Option<PathBuf>,
    pub(super) output: Option<PathBuf>,
    pub(super) pace: Pace,
}

impl PcapSpec {
    /// Reads the capture `input`, at the pace of its timestamps; what is sent is discarded.
    pub fn reading(input: impl Into<PathBuf>) -> PcapSpec {
        PcapSpec { input: Some(input.into()), output: None, pace: Pace::default() }
    }

    /// Writes the capture `output`; nothing comes in.
    pub fn writing(output: impl Into<PathBuf>) -> PcapSpec {
        PcapSpec { input: None, output: Some(output.into()), pace: Pace::default() }
    }

    /// Also writes the capture `output`.
    #[must_use]
    pub fn with_output(self, output: impl Into<PathBuf>) -> PcapSpec {
        PcapSpec { output: Some(output.into()), ..self }
    }

    /// Hands in frames at this pace.
    #[must_use]
    pub fn with_pace(self, pace: Pace) -> PcapSpec {
        PcapSpec { pace, ..self }
    }

    /// The capture to read.
    pub fn input(&self) -> Option<&std::path::Path> {
        self.input.as_deref()
    }

    /// The capture to write.
    pub fn output(&self) -> Option<&std::path::Path> {
        self.output.as_deref()
    }

    /// The pace at which frames are handed in.
    pub fn pace(&self) -> Pace {
        self.pace
    }
}
