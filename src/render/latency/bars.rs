//! Bars and sparklines.

use crate::latency::Distribution;

/// A bar in eighths of a column: `value` of `most` in `width` columns. What is not nothing has an eighth at least.
pub(super) fn bar(value: f64, most: f64, width: usize) -> String {
    if value <= 0.0 || most <= 0.0 || width == 0 {
        return String::new();
    }
    let eighths = ((value / most).min(1.0) * (width * 8) as f64).round().max(1.0) as usize;
    let part = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"].get(eighths % 8).copied().unwrap_or_default();
    "█".repeat(eighths / 8) + part
}

/// The distribution between its least and its greatest time, which are divided in `width` equal parts of a logarithmic
/// scale. The highest bar is the part with the most times; a part without any is blank.
pub(super) fn sparkline(times: &Distribution, width: usize) -> String {
    let (Some(min), Some(max)) = (times.min(), times.max()) else { return String::new() };
    let mut parts = vec![0_u64; width];
    let octaves = (max as f64 / min as f64).log2();
    for bucket in times.buckets() {
        let octave = (bucket.highest.clamp(min, max) as f64 / min as f64).log2();
        let part = if octaves > 0.0 { (octave / octaves * width as f64) as usize } else { 0 };
        if let Some(count) = parts.get_mut(part.min(width.saturating_sub(1))) {
            *count = count.saturating_add(bucket.count);
        }
    }
    let most = parts.iter().copied().max().unwrap_or(0).max(1);
    let sign = |count: u64| match (count as f64 / most as f64 * 8.0).ceil() as u64 {
        0 => ' ',
        1 => '▁',
        2 => '▂',
        3 => '▃',
        4 => '▄',
        5 => '▅',
        6 => '▆',
        7 => '▇',
        _ => '█',
    };
    parts.into_iter().map(sign).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_has_eighths() {
        let drawn = |value| bar(value, 16.0, 4);
        assert_eq!([0.0, 0.001, 1.0, 4.0, 7.5, 16.0, 99.0].map(drawn), ["", "▏", "▎", "█", "█▉", "████", "████"]);
        assert_eq!((bar(1.0, 0.0, 4), bar(1.0, 1.0, 0)), (String::new(), String::new()));
    }

    #[test]
    fn a_sparkline_shows_where_the_times_are() {
        let mut times = Distribution::default();
        assert_eq!(sparkline(&times, 4), "");
        times.record(1_000);
        assert_eq!(sparkline(&times, 4), "█   ");
        times.record_n(20_000, 8);
        times.record_n(10_000_000, 4);
        assert_eq!(sparkline(&times, 4), "▁█ ▄", "1 µs to 10 ms: a decade each");
        assert_eq!(sparkline(&times, 0), "");
    }
}
