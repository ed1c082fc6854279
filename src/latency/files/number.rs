//! Numbers of JSON: whole where they are, with three decimals where they are not.

use std::fmt;

use serde::{Serialize, Serializer};

/// Below this, each whole number has an `f64` of its own: 2^53.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Nanoseconds, or another number of at least 0, rounded to three decimals: a picosecond is far beyond what is measured,
/// and seventeen digits are not read by anyone. Whole ones are integers in JSON: `31000`, not `31000.0`.
#[derive(Clone, Copy, Debug)]
pub struct Rounded(pub f64);

impl Rounded {
    fn rounded(self) -> f64 {
        (self.0 * 1e3).round() / 1e3
    }
}

impl fmt::Display for Rounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rounded().fmt(f)
    }
}

impl Serialize for Rounded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number = self.rounded();
        if number.fract() == 0.0 && (0.0..EXACT).contains(&number) {
            #[expect(clippy::cast_sign_loss, reason = "checked in the line above")]
            let whole = number as u64;
            return serializer.serialize_u64(whole);
        }
        serializer.serialize_f64(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_whole_is_an_integer() {
        for (number, json) in [
            (0.0, "0"),
            (31_000.0, "31000"),
            (31_000.000_4, "31000"),
            (0.5, "0.5"),
            (1_000_765.333_333, "1000765.333"),
            (99.99, "99.99"),
            (-1.0, "-1.0"),
            (1e16, "1e+16"),
            (f64::NAN, "null"),
        ] {
            assert_eq!(serde_json::to_string(&Rounded(number)).unwrap(), json);
        }
        assert_eq!(Rounded(1_000_765.333_333).to_string(), "1000765.333");
        assert_eq!(Rounded(31_000.0).to_string(), "31000");
    }
}
