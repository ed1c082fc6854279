//! `bridgetap watch`: the log of live networks.

mod begin;
mod ending;
mod filtering;
mod keeping;
mod opening;
mod probing;
mod taking;
mod telling;
mod told;

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, select, unbounded};

use self::keeping::Keeping;
pub(super) use self::probing::Purpose;
use super::awaiting::Awaiting;
use super::clients::Listening;
use super::latency::Probing;
use super::losses::Losses;
use super::output::Output;
use super::owners::Owners;
use super::plan::{Place, Plan, Wish};
use super::recording;
use super::rooms::{Kernel, Sandboxes};
use super::starting::{SEARCHING, Starting};
use super::tap::{Message, SPARE_RING, Shared};
use super::undecoded::Undecoded;
use super::{Messages, Streams, capture_filter, copies, limits, signals};
use crate::capture::live::LiveOptions;
use crate::capture::{Drops, Error, LiveFilter, Stop, Stops, TapId, interfaces, sandboxes, wall_clock};
use crate::cli;
use crate::docker::{self, Change, DaemonConfig, Directory};
use crate::filter::CaptureFilter;
use crate::join::{Joiner, Told};
use crate::probe::Prober;
use crate::time::Timestamp;
use crate::track::Counters;

/// Any live tap: they all have the daemon's names.
const LIVE: TapId = TapId(0);
/// How long the daemon may take to say what there is, before what the user named is called unknown.
const FIRST_LISTING: Duration = Duration::from_secs(10);
/// How long taps may take to end.
const ENDING: Duration = Duration::from_secs(3);
/// A namespace that cannot be entered yet is tried again after this time.
const ENTER_AGAIN: Duration = Duration::from_millis(2);
/// The loop looks around at least this often.
const LOOK_AROUND: Duration = Duration::from_millis(500);
/// Without `--wait`: how long all that was named may be gone before the watch ends, unless it was interfaces only.
/// A container that restarts has its old process's ten seconds to stop before it is gone, so this is for starting.
const COMING_BACK: Duration = Duration::from_secs(10);
/// For so long it is looked whether an overlay network's bridge has come, after its namespace has.
const OVERLAY: Duration = Duration::from_secs(5);

/// What happens beside the packets.
enum Control {
    Docker(Change),
    /// A network namespace appeared.
    Namespace(PathBuf),
    /// The recording has ended by itself.
    Recorded(recording::Ended),
    /// The user wants it to end; the taps know it already.
    Signal,
}

/// Runs the command; `record` and `latency` are the same for another purpose.
pub(super) fn run(arguments: &cli::Watch, purpose: Purpose, mut streams: Streams) -> ExitCode {
    let filter = match capture_filter(&arguments.output, &mut streams.messages) {
        Ok(filter) => filter,
        Err(code) => return code,
    };
    let (control, controls) = unbounded();
    let keeping = match Keeping::new(arguments, &purpose, &mut streams, &control) {
        Ok(keeping) => keeping,
        Err(why) => {
            streams.messages.say(&why);
            return ExitCode::from(2);
        }
    };
    let config = DaemonConfig::of_process();
    let directory = {
        let control = control.clone();
        docker::spawn(config.clone(), move |change| {
            // Nobody listens any more only when the program ends.
            let _ = control.send(Control::Docker(change));
        })
    };
    let stops = Stops::default();
    // Who probes waits for the answers to what was sent until then.
    listen_for_signals(control.clone(), stops.clone(), !purpose.probes());
    let (output, probing) = purpose.output(arguments, &mut streams);
    let mut watching =
        Watching { probing, filter, stops, ..Watching::new(arguments, output, streams.messages, control, keeping) };
    watching.expect_probes();
    let begun = watching.begin(arguments, &directory, &config).and_then(|()| watching.begin_probing());
    if let Err(code) = begun {
        return code;
    }
    watching.go_on(arguments, &controls);
    watching.finish()
}

/// A tap that is open.
struct OpenTap {
    stop: Stop,
    place: Place,
    /// Where the user wants a filter.
    filter: Option<LiveFilter>,
    /// Until when packets may come that were let through by another filter, and the one that counts.
    settling: Option<(Timestamp, filtering::OfTap)>,
}

/// A place whose interface is gone. The daemon may be about to tell why: then that is said instead.
struct Suspect {
    until: Instant,
    place: Place,
    error: Error,
}

struct Watching {
    output: Output,
    keeping: Keeping,
    /// What is sent to be measured, and who sends it.
    probing: Option<Box<Probing>>,
    prober: Option<Prober>,
    messages: Messages,
    /// What all taps have in common; its filter is for every tap but those of lookups.
    options: LiveOptions,
    /// The size that was asked for, of the ring of each tap but those of lookups.
    ring: Option<usize>,
    filter: Option<CaptureFilter>,
    /// To the kernel, from when on something is watched that is published.
    listening: Listening,
    /// Where a container on the host's network runs.
    owners: Option<Owners>,
    plan: Plan,
    kernel: Kernel,
    sandboxes: Sandboxes,
    /// What is wanted, by the last look at the Directory.
    wishes: Vec<Wish>,
    /// The bridges that were there at the last look, where every one is watched: their names, and their networks' ids.
    bridges: HashMap<String, docker::NetworkId>,
    taps: HashMap<TapId, OpenTap>,
    /// Those for clients of published ports, also after they ended: what they told may still wait.
    client_taps: HashSet<TapId>,
    /// The filter for them.
    ports: Option<String>,
    /// Places that cannot be opened, or are gone: not tried again and again.
    given_up: HashSet<Place>,
    suspects: Vec<Suspect>,
    /// Since when nothing that was named is there.
    gone_since: Option<Instant>,
    /// Until when an overlay network's bridge may come.
    overlay_until: Option<Instant>,
    looked_around: Instant,
    /// Where to tell of new namespaces; taken once somebody listens for them.
    control: Option<Sender<Control>>,
    starting: Starting,
    next_tap: u32,
    sender: Sender<Message>,
    receiver: Receiver<Message>,
    shared: Arc<Shared>,
    joiner: Joiner,
    awaiting: Awaiting,
    /// What is to be told next, and waits for a name.
    next: VecDeque<Told<'static>>,
    /// Until when it waits, though its time has come.
    held_until: Option<Timestamp>,
    counters: Counters,
    drops: Drops,
    undecoded: Undecoded,
    /// Events that are missing in the log, and all that was lost, by place.
    events_lost: u64,
    losses: Losses,
    /// It was said that the daemon cannot be asked; once is enough.
    daemon_is_out: bool,
    /// To end all taps at once, when the user wants it.
    stops: Stops,
    /// Something ended whose place may be wanted again: a container that left a network and joined it anew.
    look_again: bool,
    whole: bool,
}

impl Watching {
    fn new(
        arguments: &cli::Watch,
        output: Output,
        messages: Messages,
        control: Sender<Control>,
        keeping: Keeping,
    ) -> Self {
        // Bounded by the queue's own count, since a batch is as many events as there were.
        let (sender, receiver) = unbounded();
        let shared = Shared {
            queue: Arc::default(),
            packets: AtomicU64::new(0),
            count: arguments.output.count,
            wants_packets: output.wants_packets(),
            tracks: !keeping.is_silent,
            limits: limits(&arguments.output, output.measures()),
            spare_ring: AtomicUsize::new(SPARE_RING),
        };
        let copies = copies(&arguments.output);
        let options = LiveOptions {
            snap_len: arguments.snap_len,
            promiscuous: !arguments.no_promiscuous,
            ..LiveOptions::default()
        };
        Self {
            output,
            keeping,
            probing: None,
            prober: None,
            messages,
            options,
            ring: arguments.ring_kib.map(|kib| kib as usize * 1024),
            filter: None,
            listening: Listening::NotYet,
            owners: None,
            plan: Plan { waits: arguments.wait, ..Plan::default() },
            kernel: Kernel::default(),
            sandboxes: Sandboxes::default(),
            wishes: Vec::new(),
            bridges: HashMap::new(),
            taps: HashMap::new(),
            client_taps: HashSet::new(),
            ports: None,
            given_up: HashSet::new(),
            suspects: Vec::new(),
            gone_since: None,
            overlay_until: None,
            looked_around: monotonic(),
            control: Some(control),
            starting: Starting::default(),
            next_tap: 0,
            sender,
            receiver,
            shared: Arc::new(shared),
            joiner: Joiner::new(Duration::ZERO).with_room(copies),
            awaiting: Awaiting::new(),
            next: VecDeque::new(),
            held_until: None,
            counters: Counters::default(),
            drops: Drops::default(),
            undecoded: Undecoded::default(),
            events_lost: 0,
            losses: Losses::default(),
            daemon_is_out: false,
            stops: Stops::default(),
            look_again: false,
            whole: true,
        }
    }

    /// Tells what comes until it is to end.
    fn go_on(&mut self, arguments: &cli::Watch, controls: &Receiver<Control>) {
        let deadline = arguments.duration.map(|duration| monotonic() + duration);
        let receiver = self.receiver.clone();
        while !self.is_over(deadline) {
            let look_around = self.look_around();
            let due = self.next_due(wall_clock()).unwrap_or(look_around).min(look_around);
            let left = deadline.map_or(due, |deadline| deadline.saturating_duration_since(monotonic()).min(due));
            select! {
                recv(receiver) -> message => if let Ok(message) = message { self.take_all(message) },
                recv(controls) -> control => match control {
                    Ok(Control::Docker(change)) => self.docker(change),
                    Ok(Control::Namespace(path)) => self.namespace(path),
                    Ok(Control::Recorded(ended)) => if self.recorded(ended) { return },
                    Ok(Control::Signal) | Err(_) => return,
                },
                default(left) => {}
            }
            self.enter_starting();
            // Which says why, and so is not asked again.
            if self.is_over(deadline) {
                return;
            }
            self.look_again();
            self.tell_due();
            self.output.flush();
            self.show_progress();
            self.output.show_progress();
        }
    }

    /// How long nothing has to be looked at.
    fn look_around(&self) -> Duration {
        let searching = self.starting.searching(monotonic()).or(self.overlay_until.map(|_| SEARCHING));
        if self.starting.is_entering() { ENTER_AGAIN } else { searching.unwrap_or(LOOK_AROUND) }
    }

    /// A namespace appeared in the daemon's folder.
    fn namespace(&mut self, path: PathBuf) {
        if sandboxes::is_containers(&path) {
            self.starting.appeared(path, monotonic());
        } else if self.plan.awaits_overlay(&self.wishes) {
            self.overlay_until = Some(monotonic() + OVERLAY);
        }
    }

    /// Looks at all that may have changed without the daemon's word.
    fn look_again(&mut self) {
        let now = monotonic();
        if self.owners.as_mut().is_some_and(|owners| owners.look_again(now)) {
            self.keep_sockets();
        }
        self.judge_suspects(now);
        let is_due = now.duration_since(self.looked_around) >= LOOK_AROUND && self.plan.may_change_by_itself();
        let is_overlay = self.overlay_until.is_some();
        if self.overlay_until.is_some_and(|until| now > until) || !self.plan.awaits_overlay(&self.wishes) {
            self.overlay_until = None;
        }
        if std::mem::take(&mut self.look_again) || is_due || is_overlay {
            self.looked_around = now;
            let directory = self.directory();
            self.follow(&directory);
        }
    }

    fn directory(&self) -> Arc<Directory> {
        self.output.namer.directory(LIVE).cloned().unwrap_or_default()
    }

    /// Takes the targets for what they are by now, and opens and closes what that takes.
    fn follow(&mut self, directory: &Directory) {
        let turns = self.plan.update(directory, &interface_names());
        self.tell_losses(&turns);
        // Later taps that cannot be opened are said, and do not end the rest.
        let failed = self.open_missing(directory, false).unwrap_or_default();
        self.tell_gains(&turns, &failed);
        self.tell_bridges(directory, &failed);
        self.listen_for_namespaces(directory);
    }

    /// Wants to know of containers before the daemon tells of them. Where that cannot be, they are seen a little later.
    fn listen_for_namespaces(&mut self, directory: &Directory) {
        if !self.plan.is_of_containers() {
            return;
        }
        self.kernel.learn_folder(directory);
        let Some(control) = self.control.take() else { return };
        let told = control.clone();
        let listening = sandboxes::spawn(&self.kernel.folder, move |path| {
            let _ = told.send(Control::Namespace(path));
        });
        if listening.is_err() {
            // The folder may come with the daemon.
            self.control = Some(control);
        }
    }
}

/// The names of the host's interfaces.
fn interface_names() -> Vec<String> {
    interfaces::interfaces().map_or_else(|_| Vec::new(), |found| found.into_iter().map(|one| one.name).collect())
}

/// The clock for `--for` and for waiting: nothing that is shown comes from it.
#[expect(clippy::disallowed_methods, reason = "how long the program runs is no packet's time")]
fn monotonic() -> Instant {
    Instant::now()
}

/// Ctrl-C and SIGTERM end the log with its summary; a second one ends the program.
fn listen_for_signals(control: Sender<Control>, stops: Stops, at_once: bool) {
    signals::listen(move || {
        // Here, since the log may have much to tell before it hears of it.
        if at_once {
            stops.request();
        }
        drop(control.send(Control::Signal));
    });
}
