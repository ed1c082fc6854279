//! The words of a capture filter, each with its place.

use std::ops::Range;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A keyword, a number, an address or a name.
    Word,
    /// A name in quotes.
    Quoted,
    /// `(`
    Open,
    /// `)`
    Close,
    /// `and`, `&&`
    And,
    /// `or`, `||`
    Or,
    /// `not`, `!`
    Not,
    /// `[…]`: a place in the packet.
    Bracketed,
    /// An operator.
    Symbol,
}

/// A token and where it stands, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: Kind,
    pub span: Range<usize>,
}

/// What cannot be divided into tokens, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    pub why: &'static str,
    pub span: Range<usize>,
}

const PAIRS: [&str; 6] = ["==", "!=", "<=", ">=", "<<", ">>"];

/// Divides an expression into its tokens.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Broken> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let spaces = rest.len() - rest.trim_start().len();
        if spaces > 0 {
            at += spaces;
            continue;
        }
        let (kind, length) = first(rest).map_err(|(why, length)| Broken { why, span: at..at + length })?;
        tokens.push(Token { kind, span: at..at + length });
        at += length;
    }
    Ok(tokens)
}

/// The kind and the length of the token that `rest` begins with.
fn first(rest: &str) -> Result<(Kind, usize), (&'static str, usize)> {
    let mut chars = rest.chars();
    let (Some(char), next) = (chars.next(), chars.next()) else { return Ok((Kind::Symbol, rest.len())) };
    let single = char.len_utf8();
    Ok(match char {
        '(' => (Kind::Open, single),
        ')' => (Kind::Close, single),
        '&' if next == Some('&') => (Kind::And, 2),
        '|' if next == Some('|') => (Kind::Or, 2),
        '!' if next != Some('=') => (Kind::Not, single),
        '"' => match rest.get(single..).and_then(|name| name.find('"')) {
            Some(length) => (Kind::Quoted, length + 2),
            None => return Err(("this quote is not closed", rest.len())),
        },
        '[' => (Kind::Bracketed, bracketed(rest)),
        _ if char.is_control() => return Err(("a control character cannot stand in a filter", single)),
        _ if is_word(char) => word(rest),
        _ if PAIRS.iter().any(|pair| rest.starts_with(pair)) => (Kind::Symbol, 2),
        _ => (Kind::Symbol, single),
    })
}

fn word(rest: &str) -> (Kind, usize) {
    let length = rest.find(|char| !is_word(char)).unwrap_or(rest.len());
    let kind = match rest.get(..length) {
        Some("and") => Kind::And,
        Some("or") => Kind::Or,
        Some("not") => Kind::Not,
        Some("-") => Kind::Symbol,
        _ => Kind::Word,
    };
    (kind, length)
}

/// The length of a bracket with all that is in it, also where it is not closed.
fn bracketed(rest: &str) -> usize {
    let mut depth = 0_u32;
    for (at, char) in rest.char_indices() {
        match char {
            '[' => depth += 1,
            ']' if depth == 1 => return at + 1,
            ']' => depth -= 1,
            _ => {}
        }
    }
    rest.len()
}

/// Names of containers, numbers, and addresses of every kind consist of these; a backslash makes a name of a keyword.
pub(super) fn is_word(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '_' | '.' | '-' | ':' | '\\' | '$')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        tokens(text).unwrap().into_iter().map(|token| &text[token.span]).collect()
    }

    #[test]
    fn names_numbers_and_operators_are_told_apart() {
        assert_eq!(words("host a-b.c_d&&!port 80"), ["host", "a-b.c_d", "&&", "!", "port", "80"]);
        assert_eq!(
            words("tcp[ip[0]:2]&7!=0||(src \"my net\")"),
            ["tcp", "[ip[0]:2]", "&", "7", "!=", "0", "||", "(", "src", "\"my net\"", ")"]
        );
        assert_eq!(
            words("net 10.0.0.0/8 or fd00::/64 or ether src 02:42:ac:12:00:02"),
            ["net", "10.0.0.0", "/", "8", "or", "fd00::", "/", "64", "or", "ether", "src", "02:42:ac:12:00:02"]
        );
        assert_eq!(words(" \t\n"), [""; 0]);
    }

    #[test]
    fn what_is_no_text_is_pointed_at() {
        assert_eq!(tokens("host \"a b").unwrap_err().span, 5..9);
        assert_eq!(tokens("host\u{1b}x").unwrap_err().span, 4..5);
    }
}
