//! What came of the doctor's checks, for people.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::columns::{flow, padded, words};
use super::escape::escape;
use super::text::Layout;
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
