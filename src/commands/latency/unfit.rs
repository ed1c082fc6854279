//! Flags that mean nothing to what is measured. They are refused: a figure that looks filtered and is not would be wrong.

use super::input::{Input, is_log};
use crate::cli::{Latency, Names};

/// Refuses the first flag that would do nothing.
pub(super) fn refuse(arguments: &Latency, input: &Input) -> Result<(), String> {
    let is_of_logs = match input {
        Input::Logs(_) => true,
        Input::Runs(before, after) => is_log(before) || is_log(after),
        Input::Captures(_) | Input::Targets(_) | Input::Probe(_) => false,
    };
    let refusals = match input {
        Input::Probe(_) => vec![
            (of_packets(arguments), "--probe measures its probes only: leave it out"),
            (arguments.table.measures.first().map(|_| "--measure"), "--probe measures its probes only: leave it out"),
            (of_names(arguments), "it is for captures, and the daemon has the names: leave it out"),
            (arguments.threads.map(|_| "--threads"), NO_FILES),
        ],
        Input::Targets(_) => {
            vec![
                (of_names(arguments), "it is for captures, and the daemon has the names: leave it out"),
                (arguments.threads.map(|_| "--threads"), NO_FILES),
            ]
        }
        _ if is_of_logs => vec![
            (of_packets(arguments), NO_PACKETS),
            (arguments.count.map(|_| "-c"), NO_PACKETS),
            (arguments.threads.map(|_| "--threads"), NO_PACKETS),
            (arguments.table.hops.then_some("--hops"), NO_PACKETS),
            ((arguments.numeric > 0).then_some("-n"), NO_PACKETS),
            ((!matches!(arguments.names, Names::Container)).then_some("--names"), NO_PACKETS),
            (of_names(arguments), NO_PACKETS),
            (of_wire(arguments), NOT_LIVE),
        ],
        Input::Captures(_) | Input::Logs(_) | Input::Runs(..) => vec![(of_wire(arguments), NOT_LIVE)],
    };
    let refused = refusals.into_iter().find_map(|(flag, why)| flag.map(|flag| format!("{flag}: {why}")));
    refused.map_or(Ok(()), Err)
}

const NO_PACKETS: &str = "a .hlog has no packets, only what was counted of them: give it when they are measured";
const NOT_LIVE: &str = "it is about what is on the wire, and a file was named: leave it out";

const NO_FILES: &str = "it is for captures: leave it out";

/// A flag that picks packets or events.
fn of_packets(arguments: &Latency) -> Option<&'static str> {
    let of_events = arguments.events.flags.first().map(|flag| flag.wants.flag());
    of_events.or(arguments.filter.as_ref().map(|_| "--filter"))
}

/// A flag that gives names to captures.
fn of_names(arguments: &Latency) -> Option<&'static str> {
    let inspected = (!arguments.given.docker_inspect.is_empty()).then_some("--docker-inspect");
    inspected.or((!arguments.given.hosts.is_empty()).then_some("--hosts"))
}

/// A flag that says how or how long something live is watched.
fn of_wire(arguments: &Latency) -> Option<&'static str> {
    let flags = [
        (!arguments.interfaces.is_empty(), "-i"),
        (arguments.duration.is_some(), "--for"),
        (arguments.wait, "--wait"),
        (arguments.ring_kib.is_some(), "-B"),
        (arguments.no_promiscuous, "-p"),
    ];
    flags.into_iter().find_map(|(is_given, flag)| is_given.then_some(flag))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    /// What is said of a command line; nothing where it is taken.
    fn said(line: &str) -> String {
        let cli = Cli::try_parse_from(["bridgetap", "latency"].into_iter().chain(line.split(' '))).unwrap();
        let Command::Latency(arguments) = cli.command else { panic!("{line}") };
        let input = Input::of(&arguments).unwrap();
        refuse(&arguments, &input).err().unwrap_or_default()
    }

    #[test]
    fn what_would_do_nothing_is_refused() {
        for (line, flag) in [
            ("--probe a b --from c", "--from"),
            ("--probe a b --filter tcp", "--filter"),
            ("--probe a b --measure dns", "--measure"),
            ("net --hosts names", "--hosts"),
            ("net --threads 2", "--threads"),
            ("--probe a b --threads 2", "--threads"),
            ("run.hlog --threads 2", "--threads"),
            ("run.hlog --not --kind arp", "--kind"),
            ("run.hlog --slower-than 1s", "--slower-than"),
            ("run.hlog -c 5", "-c"),
            ("run.hlog -n", "-n"),
            ("run.hlog --names service", "--names"),
            ("run.hlog --hops", "--hops"),
            ("run.hlog --for 1s", "--for"),
            ("--compare run.pcap run.hlog --port 80", "--port"),
            ("run.pcap -i eth0", "-i"),
            ("run.pcap --for 1s", "--for"),
            ("run.pcap --wait", "--wait"),
            ("run.pcap -B 64", "-B"),
            ("run.pcap -p", "-p"),
        ] {
            let said = said(line);
            assert!(said.starts_with(&format!("{flag}: ")), "{line}: {said}");
        }
    }

    #[test]
    fn what_does_something_is_taken() {
        for line in [
            "--probe a b -c 5 --for 1s --hops --names service",
            "--probe a b -n",
            "net --from a --filter tcp --measure dns --for 1s --wait -B 64 -p -c 5",
            "run.pcap --from a --filter tcp --measure dns --hosts names -c 5 -n --hops --threads 2",
            "run.hlog --measure dns --by port --sort max --max-series 5 --bars",
            "--compare run.pcap run.pcapng --port 80 -c 5",
        ] {
            assert_eq!(said(line), "", "{line}");
        }
    }
}
