use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::*;
use crate::address::MacAddr;
use crate::decode::message::Endpoint;
use crate::track::event::{
    Connection, Direction, Ends, Exchange, Handshake, Nodes, Notice, Outcome, PacketLine, Place, Seen, Side, Stage,
    Subject, What as NoticeWhat,
};

/// A clock that goes on only by rests, and by what happens in them.
#[derive(Clone, Default)]
struct Slept(Arc<Mutex<Night>>);

#[derive(Default)]
struct Night {
    now: Duration,
    /// How much longer than asked for the rests take that begin then.
    interruptions: Vec<(Duration, Duration)>,
    /// How the rests end that begin then or later.
    end: Option<(Duration, Rest)>,
}

impl Slept {
    fn now(&self) -> Duration {
        self.0.lock().unwrap().now
    }

    fn pass(&self, time: Duration) {
        self.0.lock().unwrap().now += time;
    }
}

impl Clock for Slept {
    fn now(&self) -> Duration {
        self.0.lock().unwrap().now
    }

    fn rest(&mut self, longest: Duration) -> Rest {
        assert!(longest <= PIECE && !longest.is_zero(), "{longest:?}");
        let mut night = self.0.lock().unwrap();
        if let Some((_, rest)) = night.end.filter(|(from, _)| night.now >= *from) {
            return rest;
        }
        let now = night.now;
        let due: Vec<_> = night.interruptions.extract_if(.., |(from, _)| now >= *from).collect();
        night.now += longest + due.iter().map(|(_, longer)| *longer).sum::<Duration>();
        Rest::Over
    }
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_nanos(1_000_000_000_000_000_000 + millis * 1_000_000)
}

fn ends(client: u8, server: u8) -> Ends {
    let host = |last| Endpoint::host(IpAddr::from([10, 0, 0, last]));
    Ends { client: host(client), server: host(server), client_mac: None, server_mac: None }
}

fn exchange(known_at: Timestamp, protocol: u8, ends: Ends) -> Event<'static> {
    let seen = Seen { at: known_at, number: 1 };
    Event::Exchange(Exchange {
        protocol: ProtocolId(protocol),
        place: Place::default(),
        nodes: Nodes::default(),
        ends,
        request: seen,
        reply: Some(seen),
        outcome: Outcome::Answered,
        tries: 1,
        cast: None,
        waited: Duration::ZERO,
        late: false,
        subject: Subject::Neighbour { address: ends.server.address, mac: Some(MacAddr([2; 6])) },
        known_at,
    })
}

fn connection(ends: Ends) -> Event<'static> {
    let seen = Seen { at: at(0), number: 1 };
    Event::Connection(Connection {
        place: Place::default(),
        nodes: Nodes::default(),
        ends,
        stage: Stage::Closed { by: Side::Client },
        sequence: None,
        handshake: Handshake::default(),
        first: seen,
        last: seen,
        there: Direction::default(),
        back: Direction::default(),
        before_capture: false,
        known_at: at(0),
    })
}

fn notice() -> Event<'static> {
    let ends = ends(1, 2);
    let what = NoticeWhat::Probe { protocol: ProtocolId(0), address: ends.server.address };
    let seen = Seen { at: at(0), number: 1 };
    Event::Notice(Notice { place: Place::default(), nodes: Nodes::default(), ends, seen, what })
}

fn packet() -> Event<'static> {
    Event::Packet(PacketLine {
        place: Place::default(),
        nodes: Nodes::default(),
        seen: Seen { at: at(0), number: 1 },
        ends: None,
        macs: (None, None),
        kind: "arp",
        content: crate::decode::content::Content::ArpRequest,
        words: "who has".into(),
        wire_len: 42,
    })
}

/// When lines are told that are known at these milliseconds, in milliseconds since the first; and the silences.
fn told(times: f64, known: &[u64], clock: &Slept) -> (Vec<u64>, Vec<Duration>) {
    let mut pacer = Pacer::times(times, Box::new(clock.clone()));
    let (mut moments, mut silences) = (Vec::new(), Vec::new());
    let began = clock.now();
    for known in known {
        if pacer.turn(&exchange(at(*known), 0, ends(1, 2)), &mut |silence| silences.push(silence)) != Going::On {
            break;
        }
        moments.push(clock.now().saturating_sub(began).as_millis() as u64);
        pacer.told();
    }
    (moments, silences)
}

#[test]
fn lines_are_told_at_so_many_times_the_speed_of_the_packets() {
    let known = [5_000, 5_010, 6_000, 6_000, 8_500];
    for (times, expected) in [
        (1.0, [0, 10, 1_000, 1_000, 3_500]),
        (0.5, [0, 20, 2_000, 2_000, 7_000]),
        (10.0, [0, 1, 100, 100, 350]),
        (2.5, [0, 4, 400, 400, 1_400]),
    ] {
        let (moments, silences) = told(times, &known, &Slept::default());
        assert_eq!(moments, expected, "{times}x");
        assert!(silences.is_empty(), "{times}x: {silences:?}");
    }
}

#[test]
fn a_long_silence_is_shortened_and_said() {
    let known = [0, 6_000, 48_000, 49_000];
    assert_eq!(told(1.0, &known, &Slept::default()), (vec![0, 6_000, 8_000, 9_000], vec![millis(42_000)]));
    // At ten times the speed 42 s are 4.2 s, which anybody can wait for; at half of it, 6 s are 12 s.
    assert_eq!(told(10.0, &known, &Slept::default()), (vec![0, 600, 4_800, 4_900], vec![]));
    let slow = (vec![0, 2_000, 4_000, 6_000], vec![millis(6_000), millis(42_000)]);
    assert_eq!(told(0.5, &known, &Slept::default()), slow);
}

#[test]
fn a_silence_is_said_before_it_is_waited_for() {
    let clock = Slept::default();
    let mut pacer = Pacer::times(1.0, Box::new(clock.clone()));
    pacer.turn(&exchange(at(0), 0, ends(1, 2)), &mut |_| ());
    pacer.told();
    let mut said_at = None;
    pacer.turn(&exchange(at(60_000), 0, ends(1, 2)), &mut |_| said_at = Some(clock.now()));
    assert_eq!((said_at, clock.now()), (Some(Duration::ZERO), SHORTENED));
}

#[test]
fn a_clock_that_steps_back_is_never_waited_for() {
    let known = [10_000, 3_000, 3_500, 1, 2_001, 0];
    assert_eq!(told(1.0, &known, &Slept::default()), (vec![0, 0, 500, 500, 2_500, 2_500], vec![]));
}

#[test]
fn times_and_speeds_at_their_limits_do_no_harm() {
    for times in [f64::MIN_POSITIVE, 1e-300, 1.0, 1e300, f64::MAX] {
        let clock = Slept::default();
        let mut pacer = Pacer::times(times, Box::new(clock.clone()));
        for known in [Timestamp::ZERO, Timestamp::MAX, Timestamp::ZERO, at(1), Timestamp::MAX] {
            assert_eq!(pacer.turn(&exchange(known, 0, ends(1, 2)), &mut |_| ()), Going::On);
        }
        assert!(clock.now() <= 3 * SHORTENED, "{times}: {:?}", clock.now());
    }
}

#[test]
fn a_process_that_was_stopped_goes_on_from_where_it_was() {
    let clock = Slept::default();
    // Stopped for an hour, 400 ms into a wait of a second; and late by a little, as a busy machine is.
    clock.0.lock().unwrap().interruptions = vec![(millis(400), millis(3_600_000)), (millis(3_601_200), millis(30))];
    let (moments, silences) = told(1.0, &[0, 1_000, 2_000], &clock);
    assert_eq!(moments, [0, 3_601_000, 3_602_000]);
    assert!(silences.is_empty(), "{silences:?}");
}

#[test]
fn a_little_late_is_made_up_for_and_much_is_not() {
    for (writing, next, after) in [(200, 1_000, 2_000), (900, 1_900, 2_900), (40_000, 41_000, 42_000)] {
        let clock = Slept::default();
        let mut pacer = Pacer::times(1.0, Box::new(clock.clone()));
        let mut turn = |known| {
            assert_eq!(pacer.turn(&exchange(at(known), 0, ends(1, 2)), &mut |_| panic!("no silence")), Going::On);
            let moment = clock.now();
            if known == 0 {
                // The reader of a pipe took its time.
                clock.pass(millis(writing));
            }
            pacer.told();
            moment
        };
        assert_eq!([turn(0), turn(1_000), turn(2_000)], [millis(0), millis(next), millis(after)], "{writing}");
    }
}

#[test]
fn a_live_pipe_is_not_waited_for_twice() {
    let clock = Slept::default();
    let mut pacer = Pacer::times(1.0, Box::new(clock.clone()));
    for known in [0, 10_000, 10_300, 50_000] {
        // The packets come when they are sent.
        let now = clock.now();
        clock.pass(millis(known).saturating_sub(now));
        assert_eq!(pacer.turn(&exchange(at(known), 0, ends(1, 2)), &mut |_| panic!("no silence")), Going::On);
        pacer.told();
        assert_eq!(clock.now(), millis(known));
    }
}

#[test]
fn a_wait_ends_when_the_program_is_to_end() {
    for (rest, going) in [(Rest::Stopped, Going::Ended), (Rest::Unread, Going::Unread)] {
        let clock = Slept::default();
        clock.0.lock().unwrap().end = Some((millis(300), rest));
        let mut pacer = Pacer::times(1.0, Box::new(clock.clone()));
        assert_eq!(pacer.turn(&exchange(at(0), 0, ends(1, 2)), &mut |_| ()), Going::On);
        assert_eq!(pacer.turn(&exchange(at(5_000), 0, ends(1, 2)), &mut |_| ()), going);
        assert_eq!((pacer.going(), clock.now()), (going, millis(300)));
        assert_eq!(pacer.end(), going);
    }
}

/// Somebody who presses these keys, and what was shown.
#[derive(Clone, Default)]
struct Hands(Arc<Mutex<(VecDeque<Answer>, Vec<String>)>>);

impl Hands {
    fn press(keys: &[Key]) -> Self {
        let hands = Self::default();
        hands.0.lock().unwrap().0.extend(keys.iter().copied().map(Answer::Key));
        hands
    }

    /// How often somebody was asked.
    fn asked(&self) -> usize {
        self.0.lock().unwrap().1.len()
    }
}

impl Keys for Hands {
    fn ask(&mut self, prompt: &str) -> Answer {
        let mut all = self.0.lock().unwrap();
        all.1.push(prompt.to_owned());
        all.0.pop_front().expect("a key is pressed")
    }
}

/// After how many keys each event was told.
fn stepped(keys: &[Key], events: &[Event<'_>]) -> Vec<usize> {
    let hands = Hands::press(keys);
    let mut pacer = Pacer::step(Box::new(hands.clone()), None);
    let are_packets = events.iter().any(|event| matches!(event, Event::Packet(_)));
    let mut told = Vec::new();
    for event in events {
        if are_packets && !matches!(event, Event::Packet(_)) {
            pacer.pass(event);
        } else {
            assert_eq!(pacer.turn(event, &mut |_| ()), Going::On);
            told.push(hands.asked());
        }
    }
    told
}

const DNS: u8 = 0;
const PING: u8 = 1;

#[test]
fn the_first_line_is_there_at_once_and_each_other_at_a_key() {
    let ping = || exchange(at(0), PING, ends(1, 2));
    assert_eq!(stepped(&[Key::Next; 3], &[ping(), ping(), notice(), ping()]), [0, 1, 2, 3]);
    assert_eq!(stepped(&[Key::Help, Key::Suspend, Key::Next], &[ping(), ping()]), [0, 3], "helping tells nothing");
    assert_eq!(stepped(&[Key::Next, Key::GoOn], &[ping(), ping(), ping(), ping()]), [0, 1, 2, 2]);
}

#[test]
fn on_to_the_end_of_an_exchange_with_its_repeats() {
    let lookup = || exchange(at(0), DNS, ends(1, 9));
    let (there, back) = (exchange(at(0), PING, ends(1, 2)), exchange(at(0), PING, ends(2, 1)));
    let other = exchange(at(0), PING, ends(1, 3));
    let events = [lookup(), lookup(), notice(), there, notice(), back, other, connection(ends(1, 3)), notice()];
    // e: the second lookup and the notice, though the first came without a key. Then both pings; the other one; the rest.
    assert_eq!(stepped(&[Key::Exchange; 4], &events), [0, 1, 1, 2, 2, 2, 3, 4, 4]);
    // From a notice on: it, and the exchange after it.
    let events = [lookup(), notice(), lookup(), lookup(), connection(ends(1, 2))];
    assert_eq!(stepped(&[Key::Exchange, Key::Next], &events), [0, 1, 1, 1, 2]);
}

#[test]
fn on_to_the_packet_that_completes_an_exchange() {
    let ping = || exchange(at(0), PING, ends(1, 2));
    let events = [packet(), packet(), ping(), packet(), notice(), packet(), packet(), ping(), packet(), packet()];
    assert_eq!(stepped(&[Key::Exchange, Key::Exchange, Key::Next, Key::Next], &events), [0, 1, 2, 2, 2, 3, 4]);
    assert_eq!(stepped(&[Key::Next, Key::Exchange, Key::Exchange], &events), [0, 1, 2, 2, 2, 3, 3]);
}

#[test]
fn back_to_the_start_is_where_it_began() {
    let hands = Hands::press(&[Key::Exchange, Key::Back, Key::Next]);
    let mut pacer = Pacer::step(Box::new(hands.clone()), None);
    let ping = |client| exchange(at(0), PING, ends(client, 2));
    assert_eq!([(); 2].map(|()| pacer.turn(&ping(1), &mut |_| ())), [Going::On; 2]);
    assert_eq!(pacer.turn(&ping(3), &mut |_| ()), Going::Again);
    assert_eq!((pacer.going(), pacer.end()), (Going::Again, Going::Again));
    pacer.begin_again();
    assert_eq!((pacer.turn(&ping(1), &mut |_| ()), hands.asked()), (Going::On, 2), "the first line at once");
    assert_eq!((pacer.turn(&ping(1), &mut |_| ()), hands.asked()), (Going::On, 3), "and then by keys");
}

#[test]
fn where_there_is_no_way_back_the_prompt_says_why() {
    let hands = Hands::press(&[Key::Back, Key::Back, Key::Next]);
    let mut pacer = Pacer::step(Box::new(hands.clone()), Some("a pipe".to_owned()));
    let ping = exchange(at(0), PING, ends(1, 2));
    assert_eq!([(); 2].map(|()| pacer.turn(&ping, &mut |_| ())), [Going::On; 2]);
    assert_eq!(hands.0.lock().unwrap().1, [PROMPT, "a pipe", "a pipe"]);
}

#[test]
fn a_story_ends_by_keys_and_without_them() {
    let ping = exchange(at(0), PING, ends(1, 2));
    for (answer, going) in [
        (Answer::Key(Key::Quit), Going::Ended),
        (Answer::Stopped, Going::Ended),
        (Answer::Unread, Going::Unread),
        (Answer::Key(Key::Back), Going::Again),
    ] {
        for at_end in [false, true] {
            let hands = Hands::default();
            hands.0.lock().unwrap().0.push_back(answer);
            let mut pacer = Pacer::step(Box::new(hands.clone()), None);
            assert_eq!(pacer.turn(&ping, &mut |_| ()), Going::On);
            assert_eq!(if at_end { pacer.end() } else { pacer.turn(&ping, &mut |_| ()) }, going);
            assert_eq!((pacer.end(), hands.asked()), (going, 1), "nobody is asked again");
        }
    }
    let mut empty = Pacer::step(Box::new(Hands::default()), None);
    assert_eq!(empty.end(), Going::On, "a story without lines has no end to wait at");
    let mut free = Pacer::step(Box::new(Hands::press(&[Key::GoOn])), None);
    assert_eq!([(); 2].map(|()| free.turn(&ping, &mut |_| ())), [Going::On; 2]);
    assert_eq!(free.end(), Going::On, "who let it go on is not asked at the end");
}

#[test]
fn a_silence_is_said_in_a_story_by_keys_too() {
    let mut pacer = Pacer::step(Box::new(Hands::press(&[Key::Next, Key::GoOn])), None);
    let mut silences = Vec::new();
    for known in [0, 6_000, 13_000, 60_000] {
        pacer.turn(&exchange(at(known), PING, ends(1, 2)), &mut |silence| silences.push(silence));
    }
    assert_eq!(silences, [millis(7_000), millis(47_000)]);
}
