//! `bridgetap watch`: the log of live networks.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, select, unbounded};

use super::output::{Output, ended};
use super::tap::{Ended, Message, Shared, Wanted, spawn};
use super::targets::{Target, resolve};
use super::{Messages, Streams, limits};
use crate::capture::live::LiveOptions;
use crate::capture::{Drops, Error, LinkType, Stop, Tap, TapId, interfaces, wall_clock};
use crate::cli;
use crate::docker::{self, Change, Container, DaemonConfig, Directory, DirectoryWatch, NetworkId};
use crate::join::{HOLD, Reorder};
use crate::render::summary::Totals;
use crate::track::Counters;
use crate::track::event::Event;

/// Events that wait for a slow reader; beyond this they are counted as lost.
const EVENTS: usize = 65_536;
/// The ring for the loopback interface of a container, where only lookups are looked at.
const LOOPBACK_RING: usize = 1 << 20;
/// What is looked at there (design: a lookup of a name never crosses the bridge).
const LOOKUPS: &str = "host 127.0.0.11";
/// How long the daemon may take to say what there is, before what the user named is called unknown.
const FIRST_LISTING: Duration = Duration::from_secs(10);
/// How long taps may take to end.
const ENDING: Duration = Duration::from_secs(3);
/// The loop looks around at least this often.
const LOOK_AROUND: Duration = Duration::from_millis(500);

/// What happens beside the packets.
enum Control {
    Docker(Change),
    Signal,
}

/// Runs the command.
pub(super) fn run(arguments: &cli::Watch, mut streams: Streams) -> ExitCode {
    let (control, controls) = unbounded();
    let directory = {
        let control = control.clone();
        docker::spawn(DaemonConfig::of_process(), move |change| {
            // Nobody listens any more only when the program ends.
            let _ = control.send(Control::Docker(change));
        })
    };
    listen_for_signals(control);
    let output = Output::new(&arguments.output, streams.take_out(), streams.out_is_terminal, true);
    let mut watching = Watching::new(arguments, output, streams.messages);
    if let Err(code) = watching.begin(arguments, &directory) {
        return code;
    }
    watching.go_on(arguments, &controls);
    watching.finish()
}

/// A tap that is open.
struct OpenTap {
    stop: Stop,
    wanted: Place,
}

/// What a tap is on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Place {
    /// An interface of the host, and the network whose bridge it is.
    Interface(String, Option<String>),
    /// The loopback interface of a container, by the path of its namespace.
    Loopback(String),
}

impl Place {
    /// Whether it can be opened: also when what was watched is gone and another has its name.
    fn is_there(&self) -> bool {
        match self {
            Self::Interface(name, _) => interfaces::find(name).is_ok_and(|found| found.is_some()),
            Self::Loopback(path) => PathBuf::from(path).exists(),
        }
    }
}

/// What the user wants to watch.
#[derive(Default)]
struct Plan {
    interfaces: Vec<String>,
    networks: HashSet<NetworkId>,
    /// Every bridge, also those that are yet to come.
    every_bridge: bool,
}

struct Watching {
    output: Output,
    messages: Messages,
    options: LiveOptions,
    plan: Plan,
    taps: HashMap<TapId, OpenTap>,
    /// Places that cannot be opened, or are gone: not tried again and again.
    given_up: HashSet<Place>,
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
            plan: Plan::default(),
            taps: HashMap::new(),
            given_up: HashSet::new(),
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
        self.output.namer.set_directory(Arc::clone(&directory));
        self.open_missing(&directory, true)?;
        if self.taps.is_empty() {
            self.messages.say("there is no Docker bridge to watch; name an interface: bridgetap watch if:eth0");
            return Err(ExitCode::FAILURE);
        }
        self.messages.say(&self.what_is_watched());
        Ok(())
    }

    fn what_is_watched(&self) -> String {
        let mut bridges = Vec::new();
        let mut loopbacks = 0;
        for tap in self.taps.values() {
            match &tap.wanted {
                Place::Interface(interface, Some(network)) => bridges.push(format!("{network} ({interface})")),
                Place::Interface(interface, None) => bridges.push(interface.clone()),
                Place::Loopback(_) => loopbacks += 1,
            }
        }
        bridges.sort();
        let lookups = match loopbacks {
            0 => String::new(),
            1 => ", and the lookups of 1 container".to_owned(),
            many => format!(", and the lookups of {many} containers"),
        };
        format!("watching {}{lookups}; Ctrl-C ends", bridges.join(", "))
    }

    /// Opens what is wanted and not open, and closes what is no longer there.
    fn open_missing(&mut self, directory: &Directory, at_start: bool) -> Result<(), ExitCode> {
        let wanted = self.wanted(directory);
        let places: HashSet<_> = wanted.iter().map(|(place, _)| place.clone()).collect();
        let open: HashSet<_> = self.taps.values().map(|tap| tap.wanted.clone()).collect();
        self.given_up.retain(|place| places.contains(place));
        for tap in self.taps.values().filter(|tap| matches!(tap.wanted, Place::Loopback(_))) {
            if !places.contains(&tap.wanted) {
                tap.stop.request();
            }
        }
        for (place, tap) in wanted {
            if open.contains(&place) || self.given_up.contains(&place) {
                self.rename(&place, &tap);
                continue;
            }
            if let Err(error) = self.open(place.clone(), tap) {
                self.given_up.insert(place.clone());
                self.not_opened(&place, &error);
                if at_start && matches!(place, Place::Interface(..)) {
                    return Err(ExitCode::FAILURE);
                }
            }
        }
        self.reorder.set_hold(if self.taps.len() > 1 { HOLD } else { Duration::ZERO });
        Ok(())
    }

    fn not_opened(&mut self, place: &Place, error: &Error) {
        let is_first = self.given_up.iter().filter(|place| matches!(place, Place::Loopback(_))).count() == 1;
        match place {
            Place::Interface(..) => self.messages.say(&error.to_string()),
            // A container that was gone before it could be entered has nothing to look at.
            Place::Loopback(path) if matches!(PathBuf::from(path).try_exists(), Ok(false)) => {}
            Place::Loopback(_) if is_first => {
                self.messages.say(&format!("lookups of container names stay unseen: {error}"));
            }
            Place::Loopback(_) => {}
        }
    }

    /// A container that is renamed keeps its tap.
    fn rename(&mut self, place: &Place, tap: &Tap) {
        let known = self.taps.iter().find(|(_, open)| open.wanted == *place).map(|(id, _)| *id);
        if let Some(id) = known
            && let Some(before) = self.output.namer.tap(id)
            && before.namespace != tap.namespace
        {
            self.output.namer.set_tap(id, Tap { link: before.link, ..tap.clone() });
        }
    }

    /// Every place to watch by the Directory, with its tap's description.
    fn wanted(&self, directory: &Directory) -> Vec<(Place, Tap)> {
        let Plan { interfaces, networks, every_bridge } = &self.plan;
        let is_wanted = |id: &NetworkId| {
            let bridge = || directory.network(id).is_some_and(|network| network.driver == "bridge");
            networks.contains(id) || *every_bridge && bridge()
        };
        let on_host = |interface: &str, network: Option<&str>| {
            let place = Place::Interface(interface.to_owned(), network.map(str::to_owned));
            (place, tap(interface, network, None))
        };
        let mut wanted: Vec<_> = interfaces.iter().map(|interface| on_host(interface, None)).collect();
        for network in directory.networks().filter(|network| is_wanted(&network.id)) {
            if let Some(interface) = &network.interface {
                wanted.push(on_host(interface, Some(&network.name)));
            }
        }
        let asks = |container: &Container| {
            container.endpoints.iter().any(|endpoint| {
                let has_service = directory.network(&endpoint.network).is_some_and(|network| network.name_service);
                has_service && is_wanted(&endpoint.network)
            })
        };
        for container in directory.containers().filter(|container| asks(container)) {
            if let Some(path) = &container.namespace {
                wanted.push((Place::Loopback(path.clone()), tap("lo", None, Some(&container.name))));
            }
        }
        wanted
    }

    fn open(&mut self, place: Place, tap: Tap) -> Result<(), Error> {
        let id = TapId(self.next_tap);
        let stop = Stop::new()?;
        let (namespace, options, idle) = match &place {
            Place::Interface(..) => (None, self.options.clone(), Duration::from_millis(250)),
            Place::Loopback(path) => {
                let filter = Some(LOOKUPS.to_owned());
                let options = LiveOptions { ring_bytes: LOOPBACK_RING, filter, ..self.options.clone() };
                (Some(PathBuf::from(path)), options, Duration::from_secs(1))
            }
        };
        let wanted = Wanted { id, tap, namespace, options, idle };
        let tap = spawn(wanted, stop.clone(), self.sender.clone(), Arc::clone(&self.shared))?;
        self.next_tap += 1;
        self.output.namer.set_tap(id, tap);
        self.taps.insert(id, OpenTap { stop, wanted: place });
        Ok(())
    }

    /// Tells what comes until it is to end.
    fn go_on(&mut self, arguments: &cli::Watch, controls: &Receiver<Control>) {
        let deadline = arguments.duration.map(|duration| monotonic() + duration);
        let receiver = self.receiver.clone();
        while !self.is_over(deadline) {
            let due = self.reorder.next_due(wall_clock()).unwrap_or(LOOK_AROUND).min(LOOK_AROUND);
            let left = deadline.map_or(due, |deadline| deadline.saturating_duration_since(monotonic()).min(due));
            select! {
                recv(receiver) -> message => if let Ok(message) = message { self.take(message) },
                recv(controls) -> control => match control {
                    Ok(Control::Docker(change)) => self.docker(change),
                    Ok(Control::Signal) | Err(_) => return,
                },
                default(left) => {}
            }
            if std::mem::take(&mut self.look_again) && !self.is_over(deadline) {
                self.open_again();
            }
            self.tell_due();
        }
    }

    /// Opens what was wanted again before its last tap had ended, and forgets what is wanted no more.
    fn open_again(&mut self) {
        if let Some(directory) = self.output.namer.directory().cloned() {
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
            Message::Event(event) => self.reorder.push(event.known_at(), event),
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
                self.output.namer.set_directory(Arc::clone(&directory));
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

fn tap(interface: &str, network: Option<&str>, namespace: Option<&str>) -> Tap {
    Tap {
        interface: interface.to_owned(),
        network: network.map(str::to_owned),
        namespace: namespace.map(str::to_owned),
        link: LinkType::ETHERNET,
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
