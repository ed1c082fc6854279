//! The filters on events: which lines are shown.
//!
//! clap's derive cannot tell which flag stands after which, and `--not` turns the one after it round. So these flags are
//! put together by hand, from where each stood.

use std::ops::RangeInclusive;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};

/// The kinds of events, as the log and JSON have them; `ip` and `link` are of `--packets` only.
pub const KINDS: [&str; 11] = ["arp", "nd", "ping", "dns", "mdns", "llmnr", "tcp", "udp", "icmp", "ip", "link"];
/// How an event may end, as JSON has it; `bad` is everything that is not as it should be.
pub const OUTCOMES: [&str; 10] =
    ["answered", "failed", "unanswered", "opened", "closed", "reset", "refused", "open", "notice", "bad"];

const HEADING: &str = "Filters";

/// The filters on events, in the order in which they were typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilters {
    /// The flags.
    pub flags: Vec<EventFlag>,
}

/// One flag with its values, of which any may fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventFlag {
    /// `--not` stood before it.
    pub negated: bool,
    /// What it asks for.
    pub wants: EventWants,
}

/// What a flag asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventWants {
    /// Who asks, opens or sends.
    From(Vec<String>),
    /// Who is asked.
    To(Vec<String>),
    /// Both ends, either way round.
    Between(String, String),
    /// Kinds, of [`KINDS`].
    Kind(Vec<String>),
    /// Outcomes, of [`OUTCOMES`].
    Outcome(Vec<String>),
    /// Longer than this from request to answer.
    SlowerThan(Duration),
    /// Ports of either end.
    Port(Vec<RangeInclusive<u16>>),
}

impl EventWants {
    /// The flag, as it is typed.
    pub const fn flag(&self) -> &'static str {
        match self {
            Self::From(_) => "--from",
            Self::To(_) => "--to",
            Self::Between(..) => "--between",
            Self::Kind(_) => "--kind",
            Self::Outcome(_) => "--outcome",
            Self::SlowerThan(_) => "--slower-than",
            Self::Port(_) => "--port",
        }
    }
}

impl Args for EventFilters {
    fn augment_args(command: Command) -> Command {
        let flag = |name: &'static str, value: &'static str, help: &'static str| {
            Arg::new(name).long(name).value_name(value).action(ArgAction::Append).help_heading(HEADING).help(help)
        };
        let list = |name: &'static str, values: &'static [&'static str], help: &'static str| {
            flag(name, "LIST", help).value_delimiter(',').value_parser(PossibleValuesParser::new(values))
        };
        command
            .arg(flag(
                "from",
                "NAMES",
                "Only what these ask, open or send: containers, networks, Compose services, \
                addresses, 10.0.0.0/8, web-*, host; with commas between them",
            ))
            .arg(flag("to", "NAMES", "Only what these are asked or sent"))
            .arg(flag("between", "NAME,NAME", "Only what is between these two, either way").value_parser(pair))
            .arg(list("kind", &KINDS, "Only these kinds, with commas between them"))
            .arg(list(
                "outcome",
                &OUTCOMES,
                "Only what ended in one of these ways; bad: all that did not end as it should",
            ))
            .arg(
                flag("slower-than", "TIME", "Only what took longer from request to answer: 10ms, 1s")
                    .value_parser(super::duration),
            )
            .arg(flag("port", "PORTS", "Only with these ports at either end: 80,443,8000-9000").value_parser(ports))
            .arg(
                Arg::new("not")
                    .long("not")
                    .action(ArgAction::Append)
                    .num_args(0)
                    .default_missing_value("true")
                    .help_heading(HEADING)
                    .help("Turns the next filter on events round: --not --kind arp,nd"),
            )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for EventFilters {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut flags = flags(matches);
        // Where each --not stands, and whether it was used.
        let nots: Vec<_> = matches.indices_of("not").map(Iterator::collect).unwrap_or_default();
        flags.sort_by_key(|(at, _)| *at);
        let bounds = matches.indices_of("filter").into_iter().flatten();
        let mut stops: Vec<_> = flags.iter().map(|(at, _)| *at).chain(bounds).collect();
        stops.sort_unstable();
        let turned = |not: &usize| stops.iter().copied().find(|stop| stop > not);
        let turned: Vec<_> = nots.iter().map(turned).collect();
        let is_flag = |at: &usize| flags.iter().any(|(flag, _)| flag == at);
        let mut once = std::collections::HashSet::new();
        if turned.iter().any(|at| !at.is_some_and(|at| is_flag(&at) && once.insert(at))) {
            return Err(usage(
                "--not turns the filter after it round, as in --not --kind arp; in --filter write not (…)",
            ));
        }
        let in_packets = |wants: &EventWants| match wants {
            EventWants::SlowerThan(_) => Some("--slower-than"),
            EventWants::Outcome(_) => Some("--outcome"),
            _ => None,
        };
        if matches.try_get_one("packets").is_ok_and(|packets| packets == Some(&true))
            && let Some(flag) = flags.iter().find_map(|(_, wants)| in_packets(wants))
        {
            return Err(usage(&format!("{flag} is about exchanges, and a packet is none: leave out --packets")));
        }
        let flag = |(at, wants): (usize, EventWants)| EventFlag { negated: turned.contains(&Some(at)), wants };
        Ok(Self { flags: flags.into_iter().map(flag).collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn usage(words: &str) -> Error {
    Error::raw(ErrorKind::ArgumentConflict, format!("{words}\n"))
}

/// Every flag that was typed, with its place.
fn flags(matches: &ArgMatches) -> Vec<(usize, EventWants)> {
    let mut flags = Vec::new();
    let names = |text: &String| text.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    flags.extend(each(matches, "from", |text| EventWants::From(names(text))));
    flags.extend(each(matches, "to", |text| EventWants::To(names(text))));
    flags.extend(each(matches, "between", |(a, b): &(String, String)| EventWants::Between(a.clone(), b.clone())));
    flags.extend(each(matches, "slower-than", |time: &Duration| EventWants::SlowerThan(*time)));
    flags.extend(each(matches, "port", |ports: &Vec<RangeInclusive<u16>>| EventWants::Port(ports.clone())));
    for (name, wants) in [("kind", EventWants::Kind as fn(_) -> _), ("outcome", EventWants::Outcome)] {
        let values =
            matches.get_occurrences::<String>(name).into_iter().flatten().map(|of| of.cloned().collect::<Vec<_>>());
        let mut places = matches.indices_of(name).into_iter().flatten();
        for values in values {
            // Each value has a place, and the first of an occurrence tells where the flag is.
            let place = places.next().unwrap_or_default();
            places.by_ref().take(values.len() - 1).for_each(drop);
            flags.push((place, wants(values)));
        }
    }
    flags
}

fn each<'a, T: Clone + Send + Sync + 'static>(
    matches: &'a ArgMatches,
    name: &'static str,
    wants: impl Fn(&T) -> EventWants + 'a,
) -> impl Iterator<Item = (usize, EventWants)> + 'a {
    let values = matches.get_many::<T>(name).into_iter().flatten();
    matches.indices_of(name).into_iter().flatten().zip(values.map(wants))
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split(',').collect::<Vec<_>>().as_slice() {
        [a, b] if !a.is_empty() && !b.is_empty() => Ok(((*a).to_owned(), (*b).to_owned())),
        _ => Err("write two names with a comma between them: container_a,container_b".to_owned()),
    }
}

fn ports(text: &str) -> Result<Vec<RangeInclusive<u16>>, String> {
    let wrong = || format!("{text:?} is no port; write for example 80, or 80,443,8000-9000");
    let port = |text: &str| text.parse::<u16>().map_err(|_| wrong());
    text.split(',')
        .map(|part| match part.split_once('-') {
            Some((first, last)) => Ok(port(first)?..=port(last)?),
            None => port(part).map(|port| port..=port),
        })
        .map(|range| range.and_then(|range| if range.is_empty() { Err(wrong()) } else { Ok(range) }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    fn parsed(line: &str) -> Result<Vec<EventFlag>, String> {
        let arguments = ["bridgetap", "replay", "f"].into_iter().chain(line.split_whitespace());
        let cli = Cli::try_parse_from(arguments).map_err(|error| error.to_string())?;
        let Command::Replay(replay) = cli.command else { panic!("{line}") };
        Ok(replay.output.events.flags)
    }

    fn negated(line: &str) -> Vec<bool> {
        parsed(line).unwrap().iter().map(|flag| flag.negated).collect()
    }

    #[test]
    fn not_turns_the_next_filter_round_and_no_other() {
        assert_eq!(negated("--from a --not --to b --kind dns,tcp"), [false, true, false]);
        assert_eq!(negated("--not --kind arp,nd --kind tcp --not --kind udp"), [true, false, true]);
        assert_eq!(negated("--not --json --from a -q --to b"), [true, false]);
        assert_eq!(negated("--not --port 80 --not --slower-than 1s --between a,b"), [true, true, false]);
        for wrong in ["--not", "--from a --not", "--not --not --from a", "--not --filter tcp --from a"] {
            assert!(parsed(wrong).unwrap_err().contains("--not turns the filter after it round"), "{wrong}");
        }
    }

    #[test]
    fn flags_keep_their_values() {
        let flags = parsed("--from a,b --port 80,8000-9000 --outcome bad --slower-than 10ms --between a,b").unwrap();
        let wants: Vec<_> = flags.into_iter().map(|flag| flag.wants).collect();
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        assert_eq!(
            wants,
            [
                EventWants::From(names(&["a", "b"])),
                EventWants::Port(vec![80..=80, 8000..=9000]),
                EventWants::Outcome(names(&["bad"])),
                EventWants::SlowerThan(Duration::from_millis(10)),
                EventWants::Between("a".to_owned(), "b".to_owned()),
            ]
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (wrong, says) in [
            ("--kind pings", "possible values: arp, nd, ping"),
            ("--outcome good", "possible values: answered"),
            ("--port 80-", "is no port"),
            ("--port 90-80", "is no port"),
            ("--port 65536", "is no port"),
            ("--between a", "two names"),
            ("--slower-than fast", "is not a time"),
            ("--packets --slower-than 1s", "--slower-than is about exchanges"),
            ("--not --outcome bad --packets", "--outcome is about exchanges"),
        ] {
            let error = parsed(wrong).unwrap_err();
            assert!(error.contains(says), "{wrong}: {error}");
        }
    }
}
