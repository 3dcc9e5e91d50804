use super::*;
use crate::cli::observe::tests::observer;
use std::collections::{HashMap, HashSet};

/// A sample: name, labels, value.
type Sample = (String, Vec<(String, String)>, f64);

/// Reads the text as its specification says, and refuses everything else.
pub(crate) fn parse(text: &str) -> Vec<Sample> {
    assert!(text.ends_with('\n'));
    let (mut types, mut helped, mut samples) = (HashMap::new(), HashSet::new(), Vec::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a help");
            assert!(!help.is_empty() && helped.insert(name.to_owned()), "{line}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert!(["counter", "gauge", "histogram", "summary"].contains(&kind), "{line}");
            assert!(types.insert(name.to_owned(), kind.to_owned()).is_none(), "twice: {line}");
        } else {
            let sample = parse_sample(line);
            let parts = ["", "_bucket", "_sum", "_count"];
            let family =
                parts.iter().filter_map(|part| sample.0.strip_suffix(part)).find(|name| types.contains_key(*name));
            assert!(family.is_some_and(|family| helped.contains(family)), "no family: {line}");
            // As `promtool check metrics` has it: these labels belong to these kinds.
            let kind = family.and_then(|family| types.get(family)).expect("a kind");
            for (label, owner) in [("le", "histogram"), ("quantile", "summary")] {
                assert!(kind == owner || sample.1.iter().all(|(name, _)| name != label), "{owner} expected: {line}");
            }
            samples.push(sample);
        }
    }
    let unique: HashSet<_> = samples.iter().map(|(name, labels, _)| (name, labels)).collect();
    assert_eq!(unique.len(), samples.len(), "a sample is there twice");
    samples
}

fn parse_sample(line: &str) -> Sample {
    let is_name = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.is_empty();
    let end = line.find(['{', ' ']).expect("a name ends");
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name), "{line}");
    let mut labels = Vec::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, after) = rest.split_once("=\"").expect("a label");
            assert!(is_name(label), "{line}");
            let (mut value, mut chars) = (String::new(), after.char_indices());
            let end = loop {
                match chars.next().expect("a quote ends") {
                    (at, '"') => break at,
                    (_, '\\') => match chars.next().expect("something is escaped").1 {
                        'n' => value.push('\n'),
                        c @ ('\\' | '"') => value.push(c),
                        other => panic!("\\{other}: {line}"),
                    },
                    (_, c) => value.push(c),
                }
            };
            labels.push((label.to_owned(), value));
            rest = &after[end + 1..];
            match rest.strip_prefix(',') {
                Some(next) => rest = next,
                None => break,
            }
        }
        rest = rest.strip_prefix('}').expect("a brace ends");
    }
    let value = rest.strip_prefix(' ').expect("a value").replace("+Inf", "inf");
    (name.to_owned(), labels, value.parse().unwrap_or_else(|error| panic!("{error}: {line}")))
}

fn value(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> f64 {
    let same = |sample: &&Sample| {
        sample.0 == name && labels.iter().all(|(l, v)| sample.1.iter().any(|(label, value)| label == l && value == v))
    };
    samples.iter().find(same).unwrap_or_else(|| panic!("no {name} {labels:?} in {samples:?}")).2
}

#[test]
fn what_prometheus_reads_is_what_the_record_says() {
    let directory = tempfile::tempdir().expect("a directory");
    let samples = parse(&text(&observer(directory.path()).look()));
    for (name, labels, expected) in [
        ("ftmb_packets_in_total", &[("core", "1")][..], 12_345.0),
        ("ftmb_bytes_in_total", &[("core", "1")], 1_048_576.0),
        ("ftmb_packets_dropped_total", &[("reason", "input_log_full")], 5.0),
        ("ftmb_protected", &[], 1.0),
        ("ftmb_epoch", &[], 1.0),
        ("ftmb_standby_info", &[("state", "standby")], 1.0),
        ("ftmb_standby_lag_checkpoints", &[], 1.0),
        ("ftmb_checkpoint_interval_seconds", &[], 0.05),
        ("ftmb_middlebox_total", &[("name", "translated")], 3.0),
        ("ftmb_middlebox", &[("name", "flows \"x\" \\ of all")], 1.5),
    ] {
        assert_eq!(value(&samples, name, labels), expected, "{name}");
    }
}

#[test]
fn the_histogram_is_cumulative_and_ends_with_all() {
    let mut all = Delays::default();
    [500, 1_024, 1_025, 3_000_000, 20_000_000_000].into_iter().for_each(|delay| all.add(delay));
    let mut to = Exposition::default();
    delays(&mut to, &all);
    let samples = parse(&to.text);
    let buckets: Vec<(f64, f64)> = samples
        .iter()
        .filter(|sample| sample.0 == "ftmb_release_delay_seconds_bucket")
        .map(|sample| (sample.1[0].1.replace("+Inf", "inf").parse().expect("a bound"), sample.2))
        .collect();
    assert!(buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "{buckets:?}");
    assert_eq!((buckets[0], buckets[1]), ((1.024e-6, 2.0), (2.048e-6, 3.0)));
    assert_eq!(buckets.last(), Some(&(f64::INFINITY, 5.0)));
    assert_eq!(buckets.iter().find(|bucket| bucket.0 > 0.003).map(|bucket| bucket.1), Some(4.0));
    assert_eq!(value(&samples, "ftmb_release_delay_seconds_count", &[]), 5.0);
    assert!((value(&samples, "ftmb_release_delay_seconds_sum", &[]) - 20.003_002_549).abs() < 1e-9);
}
