//! Figures for people. Invariant: a table's columns are aligned whatever stands in them.

use std::fmt;

/// Rows of cells: the first column to the left, the others to the right.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Adds a row.
    pub(crate) fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) -> &mut Table {
        self.rows.push(cells.into_iter().map(Into::into).collect());
        self
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let width = widths[column];
                match column {
                    0 => line += &format!("{cell:<width$}"),
                    _ => line += &format!("  {cell:>width$}"),
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A number with separators: `1,340,221`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at != 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many of something, in words: `1 core`, `2 cores`.
pub(crate) fn many(number: u64, what: &str) -> String {
    format!("{} {what}{}", count(number), if number == 1 { "" } else { "s" })
}

/// A time in ns with three digits and its unit: `4.21 ms`.
pub(crate) fn ns(time: u64) -> String {
    scaled(time as f64, 1000.0, &["ns", "us", "ms", "s"])
}

/// A size with three digits and its unit: `12.3 KiB`.
pub(crate) fn bytes(size: u64) -> String {
    scaled(size as f64, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB"])
}

fn scaled(mut value: f64, step: f64, units: &[&str]) -> String {
    let mut unit = 0;
    while value >= step && unit + 1 < units.len() {
        value /= step;
        unit += 1;
    }
    let decimals = match value {
        _ if unit == 0 => 0,
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.decimals$} {}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_without_spaces() {
        let mut table = Table::default();
        table.row(["", "p50", "max"]).row(["recovery", "4 ms", "12.1 ms"]).row(["kills", "5"]);
        assert_eq!(table.to_string(), "           p50      max\nrecovery  4 ms  12.1 ms\nkills        5\n");
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!([count(0), count(999), count(1000), count(1_340_221)], ["0", "999", "1,000", "1,340,221"]);
        assert_eq!([many(0, "core"), many(1, "core"), many(2_000, "core")], ["0 cores", "1 core", "2,000 cores"]);
        assert_eq!([ns(0), ns(999), ns(4210), ns(12_345_678)], ["0 ns", "999 ns", "4.21 us", "12.3 ms"]);
        assert_eq!(ns(3_600_000_000_000), "3600 s");
        assert_eq!([bytes(12), bytes(2048), bytes(150 << 20)], ["12 B", "2.00 KiB", "150 MiB"]);
    }
}
