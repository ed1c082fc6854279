use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};

use super::super::Question;
use super::*;
use crate::time::Timestamp;

const MS: Duration = Duration::from_millis(1);
/// What the wall clock shows when the monotonic one shows 0.
const WALL: Timestamp = Timestamp::from_parts(1_700_000_000, 0);

/// A machine whose time passes only where somebody waits, and for the cost of each reading of the clocks.
struct Still {
    now: Cell<Duration>,
    /// When the wall clock is set, and by how many milliseconds forward.
    step: Option<(Duration, u32)>,
    /// Waits that end at or after the first moment last until the second one: the program was stopped.
    stall: Option<(Duration, Duration)>,
    stop_at: Option<Duration>,
    is_gone: bool,
}

impl Still {
    fn new() -> Self {
        Self { now: Cell::new(Duration::ZERO), step: None, stall: None, stop_at: None, is_gone: false }
    }
}

impl World for Still {
    fn clocks(&self) -> Clocks {
        let monotonic = self.now.get();
        let step = self.step.filter(|(at, _)| *at <= monotonic).map_or(Duration::ZERO, |(_, by)| MS * by);
        Clocks { monotonic, wall: WALL + monotonic + step, apart: Duration::ZERO }
    }

    fn is_stopped(&self) -> bool {
        self.stop_at.is_some_and(|at| at <= self.now.get())
    }

    fn is_gone(&self) -> bool {
        self.is_gone
    }

    fn wait(&mut self, until: Duration, _wake: Option<BorrowedFd<'_>>) -> nix::Result<Woken> {
        let now = self.now.get();
        let mut until = until.max(now);
        if let Some((_, end)) = self.stall.take_if(|(from, _)| *from <= until) {
            until = until.max(end);
        }
        self.now.set(until);
        Ok(Woken::Due)
    }
}

/// Sends nothing; fails where it is told to.
#[derive(Default)]
struct Fake {
    not_prepared: Option<u64>,
    not_sent: Option<u64>,
    number: u64,
    sent: RefCell<Vec<(u64, Duration)>>,
    /// Connections: closed when this long has passed.
    in_flight: Option<(Duration, VecDeque<(u64, Duration)>)>,
}

impl Ask for Fake {
    fn prepare(&mut self, number: u64) -> Result<Mark, Failure> {
        self.number = number;
        if self.not_prepared == Some(number) { Err(Failure::InFlight) } else { Ok(Mark::Port(number as u16)) }
    }

    fn send(&mut self, now: Duration) -> Result<(), Failure> {
        if self.not_sent == Some(self.number) {
            return Err(Failure::Unreachable);
        }
        self.sent.borrow_mut().push((self.number, now));
        if let Some((_, waiting)) = &mut self.in_flight {
            waiting.push_back((self.number, now));
        }
        Ok(())
    }

    fn settle(&mut self, now: Duration, failed: &mut dyn FnMut(u64, Failure)) {
        let Some((patience, waiting)) = &mut self.in_flight else { return };
        while let Some((number, _)) = waiting.pop_front_if(|(_, sent)| *sent + *patience <= now) {
            failed(number, Failure::TimedOut);
        }
    }

    fn wake(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn deadline(&self) -> Option<Duration> {
        let (patience, waiting) = self.in_flight.as_ref()?;
        waiting.front().map(|(_, sent)| *sent + *patience)
    }

    fn is_settled(&self) -> bool {
        self.in_flight.as_ref().is_some_and(|(_, waiting)| waiting.is_empty())
    }
}

fn plan(count: u64, interval: Duration) -> Plan {
    let question = Question::Echo { to: IpAddr::V4(Ipv4Addr::LOCALHOST), data_len: 56 };
    Plan { question, count: Some(count), interval, patience: MS * 500 }
}

fn probes(events: &[Event]) -> Vec<Probe> {
    let probe = |event: &Event| if let Event::Probe(probe) = event { Some(*probe) } else { None };
    events.iter().filter_map(probe).collect()
}

fn ran(world: &mut Still, asker: &mut Fake, plan: &Plan) -> (Vec<Event>, Summary) {
    let mut events = Vec::new();
    let summary = run(world, asker, plan, &mut |event| events.push(event));
    (events, summary)
}

#[test]
fn probes_leave_on_schedule_and_the_last_is_waited_for() {
    let (mut world, mut asker) = (Still::new(), Fake::default());
    let (events, summary) = ran(&mut world, &mut asker, &plan(3, MS * 10));
    let times: Vec<_> = probes(&events).iter().map(|probe| (probe.number, probe.intended, probe.sent)).collect();
    assert_eq!(times, [0, 1, 2].map(|k| (u64::from(k), WALL + MS * (1 + 10 * k), WALL + MS * (1 + 10 * k))));
    assert_eq!(summary, Summary { sent: 3, ..Summary::default() });
    assert_eq!(world.now.get(), MS * (21 + 500));
}

#[test]
fn after_a_stall_of_a_second_a_hundred_leave_at_once_each_with_its_own_intended_time() {
    let (mut world, mut asker) = (Still::new(), Fake::default());
    // Probe 10 is due at 101 ms; the program stands still until just after 1,091 ms, when probe 109 is due.
    world.stall = Some((MS * 101, MS * 1092));
    let (events, summary) = ran(&mut world, &mut asker, &plan(120, MS * 10));
    let all = probes(&events);
    let burst: Vec<_> = all.iter().filter(|probe| probe.sent == WALL + MS * 1092).collect();
    assert_eq!(burst.len(), 100);
    for (place, probe) in burst.iter().enumerate() {
        assert_eq!(probe.number, 10 + place as u64);
        assert_eq!(probe.intended, WALL + MS * (101 + 10 * place as u32));
    }
    // 109 is 1 ms late, which is not late yet; and the schedule goes on as if nothing had been.
    assert_eq!((all.len(), summary.sent, summary.late, summary.latest), (120, 120, 99, MS * 991));
    assert_eq!(all[110].sent, WALL + MS * 1101);
    assert_eq!(asker.sent.borrow().iter().map(|(number, _)| *number).collect::<Vec<_>>(), (0..120).collect::<Vec<_>>());
}

#[test]
fn what_is_too_late_is_told_and_not_sent() {
    let (mut world, mut asker) = (Still::new(), Fake::default());
    world.stall = Some((MS, MS * 60_001));
    let (events, summary) = ran(&mut world, &mut asker, &plan(61, MS * 1000));
    let failed: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Failed { number, failure } => Some((*number, *failure)),
            _ => None,
        })
        .collect();
    assert_eq!(failed, (0..50).map(|number| (number, Failure::TooLate)).collect::<Vec<_>>());
    assert_eq!((summary.sent, summary.failed, summary.latest), (11, 50, MAX_LATENESS));
}

#[test]
fn a_step_of_the_wall_clock_makes_no_probe_early_or_late() {
    let (mut world, mut asker) = (Still::new(), Fake::default());
    world.step = Some((MS * 15, 3_600_000));
    let (events, summary) = ran(&mut world, &mut asker, &plan(4, MS * 10));
    assert!(probes(&events).iter().all(|probe| probe.sent == probe.intended), "{events:?}");
    assert_eq!((summary.clock_steps, summary.late, summary.latest), (1, 0, Duration::ZERO));
    let place = events.iter().position(|event| *event == Event::ClockStepped { number: 2, by: 3_600_000_000_000 });
    assert_eq!(place, Some(2), "{events:?}");
}

#[test]
fn a_probe_that_fails_is_told_and_the_next_is_punctual() {
    let mut asker = Fake { not_prepared: Some(1), not_sent: Some(2), ..Fake::default() };
    let (events, summary) = ran(&mut Still::new(), &mut asker, &plan(4, MS * 10));
    assert_eq!(probes(&events).iter().map(|probe| probe.number).collect::<Vec<_>>(), [0, 2, 3]);
    assert_eq!(events[1], Event::Failed { number: 1, failure: Failure::InFlight });
    assert_eq!(events[3], Event::Failed { number: 2, failure: Failure::Unreachable });
    assert_eq!(summary, Summary { sent: 2, failed: 2, ..Summary::default() });
}

#[test]
fn a_namespace_that_is_gone_ends_it() {
    let (mut world, mut asker) = (Still::new(), Fake { not_sent: Some(5), ..Fake::default() });
    world.is_gone = true;
    let (_, summary) = ran(&mut world, &mut asker, &plan(1000, MS * 10));
    assert_eq!(summary, Summary { sent: 5, failed: 1, end: End::Gone, ..Summary::default() });
}

#[test]
fn a_namespace_that_goes_while_probes_still_leave_ends_it_within_a_second() {
    let mut world = Still { is_gone: true, ..Still::new() };
    let (_, summary) = ran(&mut world, &mut Fake::default(), &plan(1000, MS * 10));
    assert_eq!(summary, Summary { sent: 101, end: End::Gone, ..Summary::default() });
}

#[test]
fn stopping_ends_it_at_once() {
    let (mut world, mut asker) = (Still::new(), Fake::default());
    world.stop_at = Some(MS * 95);
    let (_, summary) = ran(&mut world, &mut asker, &Plan { count: None, ..plan(0, MS * 10) });
    assert_eq!((summary.sent, summary.end), (10, End::Stopped));
    assert_eq!(world.now.get(), MS * 101);
}

#[test]
fn connections_are_given_up_in_time_and_end_it_early() {
    let mut asker = Fake { in_flight: Some((MS * 15, VecDeque::new())), ..Fake::default() };
    let mut world = Still::new();
    let (events, summary) = ran(&mut world, &mut asker, &plan(2, MS * 10));
    let timed_out = |number| Event::Failed { number, failure: Failure::TimedOut };
    assert_eq!(events[2..], [timed_out(0), timed_out(1)]);
    assert_eq!((summary.sent, summary.failed, world.now.get()), (2, 2, MS * 26));
}
