//! `bridgetap watch`: the log of live networks.

mod filtering;
mod opening;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, select, unbounded};

use super::output::{Output, ended};
use super::plan::{Place, Plan};
use super::starting::Starting;
use super::tap::{Ended, Message, Shared};
use super::targets::{Target, resolve};
use super::{Messages, Streams, capture_filter, limits};
use crate::capture::live::LiveOptions;
use crate::capture::{Drops, Error, LinkType, LiveFilter, Stop, TapId, sandboxes, wall_clock};
use crate::cli;
use crate::docker::{self, Change, DaemonConfig, DirectoryWatch};
use crate::filter::CaptureFilter;
use crate::join::Reorder;
use crate::render::summary::Totals;
use crate::track::Counters;
use crate::track::event::Event;

/// Any live tap: they all have the daemon's names.
const LIVE: TapId = TapId(0);
/// Events that wait for a slow reader; beyond this they are counted as lost.
const EVENTS: usize = 65_536;
/// The ring for the loopback interface of a container, where only lookups are looked at.
const LOOPBACK_RING: usize = 1 << 20;
/// How long the daemon may take to say what there is, before what the user named is called unknown.
const FIRST_LISTING: Duration = Duration::from_secs(10);
/// How long taps may take to end.
const ENDING: Duration = Duration::from_secs(3);
/// A namespace that cannot be entered yet is tried again after this time.
const ENTER_AGAIN: Duration = Duration::from_millis(2);
/// The loop looks around at least this often.
const LOOK_AROUND: Duration = Duration::from_millis(500);

/// What happens beside the packets.
enum Control {
    Docker(Change),
    /// A network namespace appeared.
    Namespace(PathBuf),
    Signal,
}

/// Runs the command.
pub(super) fn run(arguments: &cli::Watch, mut streams: Streams) -> ExitCode {
    let filter = match capture_filter(&arguments.output, &mut streams.messages) {
        Ok(filter) => filter,
        Err(code) => return code,
    };
    let (control, controls) = unbounded();
    let directory = {
        let control = control.clone();
        docker::spawn(DaemonConfig::of_process(), move |change| {
            // Nobody listens any more only when the program ends.
            let _ = control.send(Control::Docker(change));
        })
    };
    listen_for_signals(control.clone());
    let output = Output::new(&arguments.output, streams.take_out(), streams.out_is_terminal, true);
    let mut watching = Watching { filter, ..Watching::new(arguments, output, streams.messages) };
    if let Err(code) = watching.begin(arguments, &directory) {
        return code;
    }
    watching.listen_for_namespaces(control, &directory);
    watching.go_on(arguments, &controls);
    watching.finish()
}

/// A tap that is open.
struct OpenTap {
    stop: Stop,
    wanted: Place,
    /// Where the user wants a filter.
    filter: Option<LiveFilter>,
}

struct Watching {
    output: Output,
    messages: Messages,
    options: LiveOptions,
    filter: Option<CaptureFilter>,
    plan: Plan,
    taps: HashMap<TapId, OpenTap>,
    /// Places that cannot be opened, or are gone: not tried again and again.
    given_up: HashSet<Place>,
    starting: Starting,
    next_tap: u32,
    sender: Sender<Message>,
    receiver: Receiver<Message>,
    shared: Arc<Shared>,
    reorder: Reorder<Box<Event<'static>>>,
    counters: Counters,
    drops: Drops,
    undecoded: Vec<(LinkType, u64)>,
    lost: u64,
    /// It was said that the daemon cannot be asked; once is enough.
    daemon_is_out: bool,
    /// A tap ended whose place may be wanted again: a container that left a network and joined it anew.
    look_again: bool,
    whole: bool,
}

impl Watching {
    fn new(arguments: &cli::Watch, output: Output, messages: Messages) -> Self {
        let (sender, receiver) = bounded(EVENTS);
        let shared = Shared {
            lost: AtomicU64::new(0),
            packets: AtomicU64::new(0),
            count: arguments.output.count.unwrap_or(u64::MAX),
            wants_packets: output.wants_packets(),
            limits: limits(&arguments.output),
        };
        let options = LiveOptions {
            snap_len: arguments.snap_len,
            ring_bytes: arguments.ring_kib as usize * 1024,
            promiscuous: !arguments.no_promiscuous,
            filter: None,
        };
        Self {
            output,
            messages,
            options,
            filter: None,
            plan: Plan::default(),
            taps: HashMap::new(),
            given_up: HashSet::new(),
            starting: Starting::default(),
            next_tap: 0,
            sender,
            receiver,
            shared: Arc::new(shared),
            reorder: Reorder::new(Duration::ZERO),
            counters: Counters::default(),
            drops: Drops::default(),
            undecoded: Vec::new(),
            lost: 0,
            daemon_is_out: false,
            look_again: false,
            whole: true,
        }
    }

    /// Finds what the user named and opens it.
    fn begin(&mut self, arguments: &cli::Watch, docker: &DirectoryWatch) -> Result<(), ExitCode> {
        let (directory, why_none) = match docker.wait_first(FIRST_LISTING) {
            Ok(directory) => (directory, None),
            Err(error) => (docker.current(), Some(error.to_string())),
        };
        let interfaces = arguments.interfaces.iter().map(|interface| format!("if:{interface}"));
        let targets: Vec<_> = arguments.targets.iter().cloned().chain(interfaces).collect();
        for wanted in &targets {
            match resolve(wanted, &directory, why_none.as_deref()) {
                Ok(Target::Network(network)) => drop(self.plan.networks.insert(network.id.clone())),
                Ok(Target::Interface(interface)) => self.plan.interfaces.push(interface),
                Err(why) => {
                    self.messages.say(&why);
                    return Err(ExitCode::FAILURE);
                }
            }
        }
        self.plan.every_bridge = targets.is_empty();
        if let Some(why) = &why_none {
            if targets.is_empty() {
                self.messages.say(&format!("{why}. Without Docker, name an interface: bridgetap watch if:eth0"));
                return Err(ExitCode::FAILURE);
            }
            self.messages.say(&format!("{why}. Going on with addresses instead of names."));
            self.daemon_is_out = true;
        }
        self.output.namer.set_directory(LIVE, Arc::clone(&directory));
        self.resolve_filters(&directory, why_none.as_deref())?;
        self.open_missing(&directory, true)?;
        if self.taps.is_empty() {
            self.messages.say("there is no Docker bridge to watch; name an interface: bridgetap watch if:eth0");
            return Err(ExitCode::FAILURE);
        }
        self.messages.say(&self.what_is_watched());
        Ok(())
    }

    /// Wants to know of containers before the daemon tells of them. Where that cannot be, they are seen a little later.
    fn listen_for_namespaces(&self, control: Sender<Control>, docker: &DirectoryWatch) {
        if self.plan.networks.is_empty() && !self.plan.every_bridge {
            return;
        }
        let directory = docker.current();
        let known = directory.containers().find_map(|container| container.namespace.clone());
        let folder = known.as_deref().and_then(|path| Path::new(path).parent()).filter(|path| path.ends_with("netns"));
        let _ = sandboxes::spawn(folder.unwrap_or(Path::new(sandboxes::FOLDER)), move |path| {
            let _ = control.send(Control::Namespace(path));
        });
    }

    /// Tells what comes until it is to end.
    fn go_on(&mut self, arguments: &cli::Watch, controls: &Receiver<Control>) {
        let deadline = arguments.duration.map(|duration| monotonic() + duration);
        let receiver = self.receiver.clone();
        while !self.is_over(deadline) {
            let look_around = if self.starting.is_entering() { ENTER_AGAIN } else { LOOK_AROUND };
            let due = self.reorder.next_due(wall_clock()).unwrap_or(look_around).min(look_around);
            let left = deadline.map_or(due, |deadline| deadline.saturating_duration_since(monotonic()).min(due));
            select! {
                recv(receiver) -> message => if let Ok(message) = message { self.take(message) },
                recv(controls) -> control => match control {
                    Ok(Control::Docker(change)) => self.docker(change),
                    Ok(Control::Namespace(path)) => self.starting.appeared(path, monotonic()),
                    Ok(Control::Signal) | Err(_) => return,
                },
                default(left) => {}
            }
            self.enter_starting();
            if std::mem::take(&mut self.look_again) && !self.is_over(deadline) {
                self.open_again();
            }
            self.tell_due();
        }
    }

    /// Opens what was wanted again before its last tap had ended, and forgets what is wanted no more.
    fn open_again(&mut self) {
        if let Some(directory) = self.output.namer.directory(LIVE).cloned() {
            // Later taps that cannot be opened are said, and do not end the rest.
            let _ = self.open_missing(&directory, false);
        }
    }

    fn is_over(&self, deadline: Option<Instant>) -> bool {
        let counted = self.shared.packets.load(Ordering::Relaxed) >= self.shared.count;
        let late = deadline.is_some_and(|deadline| monotonic() >= deadline);
        counted || late || self.output.has_failed() || self.taps.is_empty()
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Event(event) => {
                if let Some(event) = self.starting.hold(event) {
                    self.reorder.push(event.known_at(), event);
                }
            }
            Message::Ended(ended) => self.ended(*ended),
        }
    }

    fn tell_due(&mut self) {
        let now = wall_clock();
        while let Some(event) = self.reorder.pop(now) {
            self.output.tell(&event);
        }
        let lost = self.shared.lost.load(Ordering::Relaxed);
        if lost > self.lost {
            self.output.lost(lost - self.lost);
            self.lost = lost;
        }
    }

    fn ended(&mut self, ended: Ended) {
        let Ended { id, counters, drops, error, undecoded } = ended;
        // Nobody's container that is watched: it was never there.
        if self.starting.claim(id).is_some() {
            self.taps.remove(&id);
            return;
        }
        self.counters.add(&counters);
        self.drops.kernel += drops.kernel;
        self.drops.interface += drops.interface;
        self.undecoded.extend(undecoded);
        let Some(tap) = self.taps.remove(&id) else { return };
        self.look_again = true;
        let is_replaced = matches!(error, Some(Error::Vanished { .. })) && tap.wanted.is_there();
        if error.is_some() && !is_replaced {
            self.given_up.insert(tap.wanted.clone());
        }
        // The namespace of a container that stopped takes its interface along; only others are worth a word.
        if let Some(error) = error.filter(|_| matches!(tap.wanted, Place::Interface(..))) {
            let rest = if self.taps.is_empty() { "nothing is left to watch" } else { "going on with the others" };
            self.messages.say(&format!("{error}; {rest}"));
            self.whole &= !self.taps.is_empty();
        }
    }

    fn docker(&mut self, change: Change) {
        match change {
            Change::Directory(directory) => {
                self.output.namer.set_directory(LIVE, Arc::clone(&directory));
                self.follow_filter(&directory);
                // Later taps that cannot be opened are said, and do not end the rest.
                let _ = self.open_missing(&directory, false);
            }
            Change::Unreachable(_) if self.daemon_is_out => {}
            Change::Unreachable(error) => {
                self.daemon_is_out = true;
                self.messages.say(&format!("{error}. Going on with the names known so far."));
            }
            Change::Reconnected => {
                self.daemon_is_out = false;
                self.messages.say("the Docker daemon answers again; names are up to date");
            }
        }
    }

    /// Ends every tap, tells what is left, and the summary.
    fn finish(mut self) -> ExitCode {
        for tap in self.taps.values() {
            tap.stop.request();
        }
        let deadline = monotonic() + ENDING;
        while !self.taps.is_empty() {
            match self.receiver.recv_deadline(deadline) {
                Ok(message) => self.take(message),
                Err(_) => break,
            }
        }
        while let Ok(message) = self.receiver.try_recv() {
            self.take(message);
        }
        while let Some(event) = self.reorder.pop_any() {
            self.output.tell(&event);
        }
        let undecoded = self.undecoded.iter().map(|(link, count)| (link.name(), *count)).collect();
        let events_lost = self.shared.lost.load(Ordering::Relaxed);
        let totals = Totals { counters: self.counters, undecoded, drops: Some(self.drops), events_lost };
        let written = ended(self.output.finish(&totals), &mut self.messages);
        if written && self.whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// The clock for `--for` and for waiting: nothing that is shown comes from it.
#[expect(clippy::disallowed_methods, reason = "how long the program runs is no packet's time")]
fn monotonic() -> Instant {
    Instant::now()
}

/// Ctrl-C and SIGTERM end the log with its summary; a second one ends the program.
fn listen_for_signals(control: Sender<Control>) {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP]) else { return };
    thread::spawn(move || {
        for (nth, _) in signals.forever().enumerate() {
            if nth > 0 {
                std::process::exit(130);
            }
            let _ = control.send(Control::Signal);
        }
    });
}
