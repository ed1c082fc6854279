//! Numbers as text, without the formatting machinery: a line of the log is mostly numbers.

/// Appends a whole number in decimal.
pub fn push(out: &mut String, number: impl itoa::Integer) {
    out.push_str(itoa::Buffer::new().format(number));
}

/// Appends the last `digits` decimal digits of a number, with zeros in front; nine at most.
#[inline]
pub fn push_last(out: &mut String, number: u32, digits: usize) {
    let mut text = [b'0'; 9];
    let mut rest = number;
    let digits = digits.min(text.len());
    for digit in text.iter_mut().take(digits).rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    // Digits are ASCII.
    out.push_str(text.get(..digits).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_in_front_are_kept() {
        let last = |number, digits| {
            let mut out = String::new();
            push_last(&mut out, number, digits);
            out
        };
        assert_eq!([last(7, 3), last(123_456, 6), last(1_234_567, 6)], ["007", "123456", "234567"]);
        assert_eq!([last(0, 9), last(999_999_999, 9), last(5, 0)], ["000000000", "999999999", ""]);
        assert_eq!(last(u32::MAX, 12), "294967295");
    }

    #[test]
    fn numbers_of_any_size() {
        let mut out = String::new();
        for number in [0, 9, 10, 65_535, u64::MAX] {
            push(&mut out, number);
            out.push(' ');
        }
        assert_eq!(out, "0 9 10 65535 18446744073709551615 ");
    }
}
