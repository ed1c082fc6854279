//! `--pace`: at which speed a replay is told.

use std::str::FromStr;

/// At which speed a replay is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// As fast as it can be read.
    Max,
    /// So many times the speed of the packets: above 0, and finite.
    Times(f64),
    /// A line at a time, when a key is pressed.
    Step,
}

impl FromStr for Pace {
    type Err = String;

    /// Reads `max`, `step`, `1x`, `0.5x`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "max" => Ok(Self::Max),
            "step" => Ok(Self::Step),
            _ => times(text).map(Self::Times).ok_or_else(|| {
                "write 1x for the speed of the packets, 0.5x for half of it, 10x for ten times as fast, \
                 max for no waiting, or step to go on by keys"
                    .to_owned()
            }),
        }
    }
}

/// The number before the `x`. Digits and a point only: what else a float may be written as is no speed.
fn times(text: &str) -> Option<f64> {
    let number = text.strip_suffix('x')?;
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let times: f64 = number.parse().ok().filter(|_| is_plain)?;
    (times > 0.0 && times.is_finite()).then_some(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paces_are_read_as_people_write_them() {
        for (text, pace) in [
            ("max", Pace::Max),
            ("step", Pace::Step),
            ("1x", Pace::Times(1.0)),
            ("0.5x", Pace::Times(0.5)),
            (".5x", Pace::Times(0.5)),
            ("10x", Pace::Times(10.0)),
            ("2.5x", Pace::Times(2.5)),
        ] {
            assert_eq!(text.parse(), Ok(pace), "{text}");
        }
    }

    #[test]
    fn a_wrong_pace_is_answered_with_examples() {
        let long = format!("{}x", "9".repeat(400));
        for wrong in ["", "x", "1", "0x", "0.0x", "-1x", "+1x", "1,5x", "1e3x", "infx", "nanx", "1.2.3x", "fast", &long]
        {
            let why = wrong.parse::<Pace>().unwrap_err();
            assert!(["1x", "0.5x", "10x", "max", "step"].iter().all(|example| why.contains(example)), "{wrong}: {why}");
        }
    }
}
