//! Times, counts and shares in few columns.

use std::fmt::{self, Display, Formatter};

/// A time in nanoseconds with three significant digits, in six columns at most: `850ns`, `31.0µs`, `1.23ms`, `12.3s`.
/// There is no blank before the unit, unlike in the log, so that ten columns fit into a terminal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time(pub f64);

impl Time {
    /// Of whole nanoseconds.
    pub fn of(nanos: u64) -> Self {
        Self(nanos as f64)
    }
}

impl Display for Time {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let nanos = self.0.max(0.0);
        // Rounded to a thousand, it would be of the next unit.
        let text = if nanos < 999.5 {
            format!("{nanos:.0}ns")
        } else if nanos < 999.5e3 {
            three_digits(nanos / 1e3) + "µs"
        } else if nanos < 999.5e6 {
            three_digits(nanos / 1e6) + "ms"
        } else {
            three_digits(nanos / 1e9) + "s"
        };
        f.pad(&text)
    }
}

/// A number of at least 1 with three significant digits, and all that stand before the point.
pub(super) fn three_digits(number: f64) -> String {
    let decimals = if number < 9.995 { 2 } else { usize::from(number < 99.95) };
    format!("{number:.decimals$}")
}

/// A count in five columns at most: `99999`, then `100k`, `1.23M`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Short(pub u64);

impl Display for Short {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0 < 100_000 {
            return f.pad(&self.0.to_string());
        }
        let mut number = self.0 as f64 / 1e3;
        let mut letters = "kMGTPE".chars();
        let mut letter = letters.next();
        while number >= 999.5 {
            number /= 1e3;
            letter = letters.next();
        }
        let text: String = three_digits(number).chars().chain(letter).collect();
        f.pad(&text)
    }
}

/// The end of a range, exact: `50µs`, `1.25ms`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound(pub u64);

impl Display for Bound {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (unit, digits, name) = match self.0 {
            0..1_000 => (1, 0, "ns"),
            1_000..1_000_000 => (1_000, 3, "µs"),
            1_000_000..1_000_000_000 => (1_000_000, 6, "ms"),
            _ => (1_000_000_000, 9, "s"),
        };
        let decimals = format!("{:0digits$}", self.0 % unit);
        let decimals = decimals.trim_end_matches('0');
        let point = if decimals.is_empty() { "" } else { "." };
        f.pad(&format!("{}{point}{decimals}{name}", self.0 / unit))
    }
}

/// A share, 0 to 1, as `12.3 %`; one that is not nothing is never shown as nothing, and one that is not all not as all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Percent(pub f64);

impl Display for Percent {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let percent = self.0 * 100.0;
        let text = if percent > 0.0 && percent < 0.1 {
            "<0.1 %".to_owned()
        } else if percent > 99.9 && percent < 100.0 {
            ">99.9 %".to_owned()
        } else {
            format!("{percent:.1} %")
        };
        f.pad(&text)
    }
}

/// A probability, as `12 %`, `0.3 %`, `<0.01 %`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chance(pub f64);

impl Display for Chance {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let percent = self.0 * 100.0;
        let text = if percent < 0.01 {
            "<0.01 %".to_owned()
        } else {
            let decimals = if percent < 0.1 { 2 } else { usize::from(percent < 10.0) };
            format!("{percent:.decimals$} %")
        };
        f.pad(&text)
    }
}

/// How one number became another: `+16.0 %`, `×2.30`, `÷2.30`, `=`; nothing where one of them is 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Became(pub f64, pub f64);

impl Display for Became {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(before, after) = *self;
        let factor =
            |factor: f64| if factor < 99_999.5 { three_digits(factor) } else { Short(factor as u64).to_string() };
        let text = if before.total_cmp(&after).is_eq() {
            "=".to_owned()
        } else if before <= 0.0 || after <= 0.0 {
            String::new()
        } else if after >= 2.0 * before {
            format!("×{}", factor(after / before))
        } else if before >= 2.0 * after {
            format!("÷{}", factor(before / after))
        } else {
            format!("{:+.1} %", (after / before - 1.0) * 100.0)
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_three_digits_in_six_columns() {
        for (nanos, text) in [
            (0.0, "0ns"),
            (0.4, "0ns"),
            (999.4, "999ns"),
            (999.5, "1.00µs"),
            (9_994.0, "9.99µs"),
            (9_995.0, "10.0µs"),
            (31_000.0, "31.0µs"),
            (999_499.0, "999µs"),
            (999_500.0, "1.00ms"),
            (1_234_567.0, "1.23ms"),
            (999_500_000.0, "1.00s"),
            (3.6e12, "3600s"),
        ] {
            assert_eq!(Time(nanos).to_string(), text);
        }
        assert_eq!(format!("{:>8}", Time::of(31_000)), "  31.0µs");
    }

    #[test]
    fn a_count_has_five_columns() {
        for (count, text) in [
            (0, "0"),
            (99_999, "99999"),
            (100_000, "100k"),
            (999_499, "999k"),
            (999_500, "1.00M"),
            (12_345_678, "12.3M"),
            (u64::MAX, "18.4E"),
        ] {
            assert_eq!(Short(count).to_string(), text);
        }
    }

    #[test]
    fn a_bound_is_exact() {
        for (nanos, text) in [
            (0, "0ns"),
            (999, "999ns"),
            (1_000, "1µs"),
            (31_050, "31.05µs"),
            (500_000_000, "500ms"),
            (1_005_000_000, "1.005s"),
            (3_600_000_000_000, "3600s"),
        ] {
            assert_eq!(Bound(nanos).to_string(), text);
        }
    }

    #[test]
    fn little_is_not_nothing() {
        let percent = |share| Percent(share).to_string();
        assert_eq!([0.0, 1e-9, 0.123, 0.9999, 1.0].map(percent), ["0.0 %", "<0.1 %", "12.3 %", ">99.9 %", "100.0 %"]);
        let chance = |probability| Chance(probability).to_string();
        let expected = ["100 %", "12 %", "3.4 %", "0.3 %", "0.05 %", "<0.01 %", "<0.01 %"];
        assert_eq!([1.0, 0.123, 0.034, 0.003, 0.0005, 0.000_01, 0.0].map(chance), expected);
    }

    #[test]
    fn a_change_is_a_share_or_a_factor() {
        for (before, after, text) in [
            (100.0, 116.0, "+16.0 %"),
            (100.0, 51.0, "-49.0 %"),
            (100.0, 200.0, "×2.00"),
            (100.0, 50.0, "÷2.00"),
            (1.0, 3.6e12, "×3.60T"),
            (5.0, 5.0, "="),
            (0.0, 5.0, ""),
            (5.0, 0.0, ""),
        ] {
            assert_eq!(Became(before, after).to_string(), text);
        }
    }
}
