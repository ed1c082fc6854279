//! What came of the doctor's checks, for people.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::columns::{flow, padded, words};
use super::escape::escape;
use super::layout::Layout;
use super::units::columns;
use crate::doctor::{Check, State, is_well};

/// Room for the name of a check: `published ports`.
const NAME: usize = 15;

/// Writes each check, and what they come to. `unicode`: whether the terminal shows more than ASCII; people run this where
/// things are broken, so unlike the log it does without.
pub fn doctor(checks: &[Check], layout: Layout, unicode: bool, out: &mut dyn Write) -> io::Result<()> {
    let style = |style: Style| if layout.color { style } else { Style::new() };
    let signs = if unicode { ["✓", "–", "✗"] } else { ["ok", "--", "NO"] };
    let arrow = if unicode { "→" } else { "->" };
    let indent = " ".repeat(columns(signs[0]) + 1 + NAME + 2);
    for check in checks {
        let (sign, color) = match check.state {
            State::Good => (signs[0], AnsiColor::Green),
            State::Limited => (signs[1], AnsiColor::Yellow),
            State::Missing => (signs[2], AnsiColor::Red),
        };
        let color = style(color.on_default());
        let mut line = format!("{color}{sign}{color:#} ");
        padded(&mut line, check.name, NAME + 2);
        let said = format!("{}; {}", check.found, check.effect);
        flow(&mut line, &words(&said), " ", &indent, columns(&indent), layout.width);
        writeln!(out, "{line}")?;
        let Some(remedy) = &check.remedy else { continue };
        let first = checks.iter().find(|other| other.remedy == check.remedy);
        if let Some(first) = first.filter(|first| first.name != check.name) {
            writeln!(out, "{indent}{arrow} as for {}", first.name)?;
        } else {
            // Never broken: it is there to be copied.
            let bold = style(Style::new().bold());
            writeln!(out, "{indent}{arrow} {bold}{}{bold:#}", escape(remedy))?;
        }
    }
    let is_whole = checks.iter().all(|check| check.state == State::Good);
    let verdict = match (is_well(checks), is_whole) {
        (true, true) => "Watching works.".to_owned(),
        (true, false) => format!("Watching works, but for what is marked {}.", signs[1]),
        (false, _) => format!("Watching does not work: see what is marked {}.", signs[2]),
    };
    writeln!(out, "\n{verdict}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checks() -> Vec<Check> {
        let check = |name, state, remedy: Option<&str>| Check {
            name,
            state,
            found: "what was\u{1b}[2J found".into(),
            effect: "what of it works and what does not".into(),
            remedy: remedy.map(str::to_owned),
        };
        let setcap = Some("sudo setcap cap_net_raw,cap_net_admin,cap_sys_admin,cap_sys_ptrace+ep /usr/bin/bridgetap");
        let missing = check("capture", State::Missing, setcap);
        vec![check("kernel", State::Good, None), missing, check("published ports", State::Limited, setcap)]
    }

    fn written(checks: &[Check], width: Option<usize>, unicode: bool) -> String {
        let mut out = Vec::new();
        doctor(checks, Layout { width, ..Layout::default() }, unicode, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_check_is_a_line_and_a_remedy_stands_once_and_whole() {
        let expected = "\
✓ kernel           what was\\u{1b}[2J found; what of it works
                   and what does not
✗ capture          what was\\u{1b}[2J found; what of it works
                   and what does not
                   → sudo setcap cap_net_raw,cap_net_admin,cap_sys_admin,cap_sys_ptrace+ep /usr/bin/bridgetap
– published ports  what was\\u{1b}[2J found; what of it works
                   and what does not
                   → as for capture

Watching does not work: see what is marked ✗.
";
        assert_eq!(written(&checks(), Some(60), true), expected);
    }

    #[test]
    fn without_unicode_it_is_ascii_and_the_verdict_follows_the_worst() {
        let [good, missing, limited] = checks().try_into().unwrap();
        let text = written(&[good.clone(), limited.clone(), missing], None, false);
        assert!(text.is_ascii() && text.contains("\nNO capture") && text.starts_with("ok kernel"), "{text}");
        assert!(
            written(&[good.clone(), limited], None, true).ends_with("\nWatching works, but for what is marked –.\n")
        );
        assert!(written(&[good], None, false).ends_with("\nWatching works.\n"));
    }
}
