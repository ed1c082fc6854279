//! `bridgetap replay`: the log of capture files.

mod beside;
mod events;
mod following;
mod packets;
mod sent;
mod steps;
mod story;
mod teller;
mod worded;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use self::beside::Threads;
use self::following::Following;
use self::story::{Ending, Story};
use self::teller::{Teller, Wanted};
pub(super) use self::worded::Worded;
use super::again::Originals;
use super::audience::Audience;
use super::captures::{bar, open_all};
use super::confined;
use super::given_names::GivenNames;
use super::latency::Measuring;
use super::output::Output;
use super::pace;
use super::rewriting::{self, Rewriting};
use super::signals;
use super::{Streams, capture_filter, copies, limits};
use crate::capture::file::Merged;
use crate::cli;
use crate::filter::FrameFilter;

/// The bar moves every so many packets.
const BAR_EVERY: u64 = 1 << 16;

/// Runs the command; `latency` of files is the same without a log.
pub(super) fn run(arguments: &cli::Replay, measuring: Option<Measuring>, mut streams: Streams) -> ExitCode {
    let names: Vec<_> = arguments.files.iter().chain(&arguments.read).collect();
    if names.iter().filter(|name| name.as_os_str() == "-").count() > 1 {
        streams.messages.say("- is standard input, which can be read only once");
        return ExitCode::from(2);
    }
    if !rewriting::check(arguments, &names, &mut streams) {
        return ExitCode::from(2);
    }
    let filter = match capture_filter(&arguments.output, &mut streams.messages) {
        Ok(filter) => filter,
        Err(code) => return code,
    };
    if measuring.is_none() {
        let named = names.iter().copied().chain(&arguments.names.docker_inspect).chain(&arguments.names.hosts);
        let write = arguments.rewriting.write.as_deref();
        if let Err(why) = confined::to_read(arguments.run_as.user.as_deref(), named, write) {
            streams.messages.say(&why);
            return ExitCode::FAILURE;
        }
    }
    let Some(given) = GivenNames::read(&arguments.names, &mut streams.messages) else { return ExitCode::FAILURE };
    let stop = Arc::default();
    let terminal = match pace::terminal(arguments, &mut streams, &stop) {
        Ok(terminal) => terminal,
        Err(why) => {
            streams.messages.say(&why);
            return ExitCode::from(2);
        }
    };
    if terminal.is_none() {
        signals::stop(&stop);
    }
    let mut originals = Originals::new(&names);
    let mut files = open_all(&names, &arguments.output, &stop, &mut streams.messages);
    if files.is_empty() {
        return ExitCode::FAILURE;
    }
    if measuring.as_ref().is_none_or(Measuring::reads_last)
        && let Err(why) = confined::have_opened(terminal.is_some(), arguments.rewriting.write.is_some())
    {
        streams.messages.say(&why);
        return ExitCode::FAILURE;
    }
    let mut rewriting = Rewriting::planned(arguments, &names, &mut streams);
    let audience = Audience::new(streams.out_fd.take(), Arc::clone(&stop));
    let pacer = pace::pacer(arguments.pace, terminal, audience, originals.no_way_back());
    let is_live = pacer.is_some() || names.iter().any(|name| name.as_os_str() == "-");
    let tells = rewriting.is_none() || arguments.rewriting.print;
    let out = if tells { streams.take_out() } else { Box::new(io::sink()) };
    let mut output = match measuring {
        Some(measuring) => Output::measuring(&arguments.output, measuring),
        None => Output::new(&arguments.output, out, streams.out_is_terminal, is_live),
    };
    output.pacer = pacer;
    let bar = bar(&files, arguments, &streams);
    loop {
        let opened = files.len() == names.len();
        output.namer.set_given_names(given.addresses().clone());
        let following = Following::new(limits(&arguments.output, output.measures()), output.wants_packets());
        let wanted = Wanted {
            given: given.clone(),
            copies: copies(&arguments.output),
            is_filtered: filter.is_some(),
            files: files.iter().map(|file| file.name().to_owned()).collect(),
        };
        let filter = filter.as_ref().map(|filter| FrameFilter::new(filter.clone(), files.len()));
        let threads = Threads::of(arguments, &files, &output, filter.is_some());
        let mut merged = Merged::new(files);
        let story = Story {
            rewriting: rewriting.take().map(|planned| planned.of(&merged, &given)),
            teller: Teller::new(output, wanted, &mut streams.messages, bar.as_ref()),
            following,
            filter,
            tells,
            stop: &stop,
            left: arguments.output.count.unwrap_or(u64::MAX),
            packets: 0,
            shown: 0,
        };
        match story.tell(&mut merged, threads) {
            Ending::Told(whole) => return if whole && opened { ExitCode::SUCCESS } else { ExitCode::FAILURE },
            Ending::Again(earlier) => output = *earlier,
        }
        originals.say_changes(&mut streams.messages);
        files = open_all(&names, &arguments.output, &stop, &mut streams.messages);
        if files.is_empty() {
            return ExitCode::FAILURE;
        }
        output.begin_again(&arguments.output);
    }
}
