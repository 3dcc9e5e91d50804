//! The middlebox's own figures, on their way from the master to whoever looks. Invariant: a file of them is whole or not there; a
//! line of it that makes no sense is left out, never taken for a figure.
//!
//! ```text
//! counter 17 translated
//! gauge 2.5 flows per host
//! ```

use ftmb_netio::group_dir::GroupDir;
use ftmb_runtime::middlebox::{MetricKind, Metrics};
use serde::Serialize;

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(in crate::cli) struct Figure {
    pub(in crate::cli) name: String,
    #[serde(serialize_with = "name_of")]
    pub(in crate::cli) kind: MetricKind,
    pub(in crate::cli) value: f64,
}

fn name_of<S: serde::Serializer>(kind: &MetricKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(word(*kind))
}

fn word(kind: MetricKind) -> &'static str {
    match kind {
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
    }
}

fn path(dir: &GroupDir) -> std::path::PathBuf {
    dir.path().join("metrics")
}

/// Writes figures where [`read`] finds them. A failure costs only the figures.
pub(crate) fn write(dir: &GroupDir, metrics: &Metrics) {
    let line = |(kind, name, value): (MetricKind, &str, f64)| {
        // A line is a figure, whatever its name is.
        let name: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        format!("{} {value} {name}\n", word(kind))
    };
    let text: String = metrics.with_kinds().map(line).collect();
    let (incomplete, path) = (dir.path().join("metrics.incomplete"), path(dir));
    if !text.is_empty() && std::fs::write(&incomplete, text).is_ok() {
        let _ = std::fs::rename(incomplete, path);
    }
}

/// The figures as they were last reported; none if there are none.
pub(super) fn read(dir: &GroupDir) -> Vec<Figure> {
    let text = std::fs::read_to_string(path(dir)).unwrap_or_default();
    text.lines().filter_map(parse).collect()
}

fn parse(line: &str) -> Option<Figure> {
    let (kind, rest) = line.split_once(' ')?;
    let (value, name) = rest.split_once(' ')?;
    let kind = [MetricKind::Counter, MetricKind::Gauge].into_iter().find(|known| word(*known) == kind)?;
    Some(Figure { name: name.into(), kind, value: value.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_as_they_were_written() {
        let root = tempfile::tempdir().expect("a directory");
        let dir = GroupDir::at(root.path());
        assert_eq!(read(&dir), []);
        let mut metrics = Metrics::default();
        metrics.counter("translated", 17);
        metrics.gauge("flows per\nhost", 2.5);
        metrics.gauge("ratio", f64::INFINITY);
        write(&dir, &metrics);
        let figure = |name: &str, kind, value| Figure { name: name.into(), kind, value };
        let expected = [
            figure("translated", MetricKind::Counter, 17.0),
            figure("flows per host", MetricKind::Gauge, 2.5),
            figure("ratio", MetricKind::Gauge, f64::INFINITY),
        ];
        assert_eq!(read(&dir), expected);
        std::fs::write(path(&dir), "counter x y\ngauge 1 a\nnonsense\n").expect("written");
        assert_eq!(read(&dir), [figure("a", MetricKind::Gauge, 1.0)]);
    }
}
