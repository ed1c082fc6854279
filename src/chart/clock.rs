//! The clock under a heat map.

use jiff::tz::TimeZone;

use super::scale::{Scale, Tick, fitting};
use crate::time::Timestamp;

const SECOND: i128 = 1_000_000_000;
const MINUTE: i128 = 60 * SECOND;
const HOUR: i128 = 60 * MINUTE;
const DAY: i128 = 24 * HOUR;
/// Steps between ticks that people count in, but for tenths of seconds and tens of days.
const STEPS: [i128; 15] = [
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    3 * HOUR,
    12 * HOUR,
];
/// The most ticks. A time of day to the millisecond takes 90 pixels.
const MOST: i128 = 6;

/// The scale of a map that begins then and has that length in nanoseconds. Its places are nanoseconds since the begin.
pub fn scale(began: Timestamp, length: f64, zone: &TimeZone, pixels: f64) -> Scale {
    let step = step(length as i128);
    let local = i128::from(began.as_nanos()) + i128::from(zone.to_offset(moment(began)).seconds()) * SECOND;
    let first = (step - local.rem_euclid(step)) % step;
    let ticks = (0..=MOST).map(|number| first + number * step).filter(|place| *place as f64 <= length).map(|place| {
        let at = Timestamp::from_nanos(began.as_nanos().saturating_add(place as u64));
        Tick::new(place as f64, written(at, zone, format(step)))
    });
    Scale { from: 0.0, to: length, ticks: fitting(ticks, pixels / length), faint: Vec::new() }
}

/// The day, or the first and the last, and the zone.
pub fn days(began: Timestamp, length: f64, zone: &TimeZone) -> String {
    let ended = Timestamp::from_nanos(began.as_nanos().saturating_add(length as u64).saturating_sub(1));
    let (first, last) = (written(began, zone, "%Y-%m-%d"), written(ended, zone, "%Y-%m-%d"));
    let zone = written(began, zone, "%Z");
    if first == last { format!("time, {first} {zone}") } else { format!("time, {first} to {last} {zone}") }
}

/// The least step that makes no more than the most ticks.
fn step(length: i128) -> i128 {
    let parts = [1, 2, 5, 10, 20, 50, 100, 200, 500].map(|millis| millis * SECOND / 1000);
    let powers = (0..8).map(|power| 10_i128.pow(power) * DAY);
    let days = powers.flat_map(|power| [power, 2 * power, 5 * power]);
    parts.into_iter().chain(STEPS).chain(days).find(|step| length / step < MOST).unwrap_or(DAY * 100_000_000)
}

fn format(step: i128) -> &'static str {
    match step {
        ..SECOND => "%H:%M:%S%.3f",
        SECOND..MINUTE => "%H:%M:%S",
        MINUTE..DAY => "%H:%M",
        DAY.. => "%Y-%m-%d",
    }
}

fn written(at: Timestamp, zone: &TimeZone, format: &str) -> String {
    moment(at).to_zoned(zone.clone()).strftime(format).to_string()
}

fn moment(at: Timestamp) -> jiff::Timestamp {
    // A Timestamp ends in the year 2554, which jiff can write.
    jiff::Timestamp::from_nanosecond(i128::from(at.as_nanos())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(began: Timestamp, length: f64, zone: &TimeZone) -> Vec<String> {
        scale(began, length, zone, 500.0).ticks.into_iter().map(|tick| tick.label).collect()
    }

    /// 2023-11-14, 22:13:20.
    const BEGAN: Timestamp = Timestamp::from_parts(1_700_000_000, 0);

    #[test]
    fn ticks_stand_at_round_times() {
        let utc = |length| labels(BEGAN, length, &TimeZone::UTC);
        assert_eq!(utc(10e6)[..3], ["22:13:20.000", "22:13:20.002", "22:13:20.004"]);
        assert_eq!(utc(20e9), ["22:13:20", "22:13:25", "22:13:30", "22:13:35", "22:13:40"]);
        assert_eq!(utc(600e9), ["22:14", "22:16", "22:18", "22:20", "22:22"]);
        assert_eq!(utc(4.0 * 86_400e9), ["2023-11-15", "2023-11-16", "2023-11-17", "2023-11-18"]);
        let scale = scale(BEGAN, 600e9, &TimeZone::UTC, 500.0);
        assert_eq!((scale.ticks[0].at, scale.from, scale.to), (40e9, 0.0, 600e9));
    }

    #[test]
    fn they_are_round_in_the_zone() {
        let zone = TimeZone::fixed(jiff::tz::offset(5).saturating_add(jiff::SignedDuration::from_mins(45)));
        assert_eq!(labels(BEGAN, 7200e9, &zone), ["04:00", "04:30", "05:00", "05:30"]);
        assert_eq!(days(BEGAN, 7200e9, &zone), "time, 2023-11-15 +05:45");
        assert_eq!(days(BEGAN, 7200e9, &TimeZone::UTC), "time, 2023-11-14 to 2023-11-15 UTC");
    }

    #[test]
    fn any_length_has_few_ticks_that_fit() {
        for power in 0..41 {
            let length = 10e6 * 3_f64.powi(power);
            for began in [Timestamp::ZERO, BEGAN, Timestamp::MAX] {
                let scale = scale(began, length.min(1.85e19), &TimeZone::UTC, 500.0);
                assert!((1..=6).contains(&scale.ticks.len()), "{length}: {scale:?}");
                assert!(scale.ticks.iter().all(|tick| (0.0..=scale.to).contains(&tick.at)));
            }
        }
    }
}
