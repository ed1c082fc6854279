//! What is measured of connections, from bytes to events in words.

use super::*;

fn measuring() -> Scene {
    Scene::with(Limits { measures: true, ..Limits::default() })
}

/// What was measured, of these measures.
fn of(said: &[String], measures: &[&str]) -> Vec<String> {
    let is_of = |line: &&String| measures.iter().any(|measure| line.starts_with(&format!("{measure} of ")));
    said.iter().filter(is_of).cloned().collect()
}

fn requests(scene: Scene) -> Vec<String> {
    of(&scene.finish(), &["first-byte", "last-byte"])
}

fn acknowledgements(scene: Scene) -> Vec<String> {
    of(&scene.finish(), &["ack"])
}

/// From client or server: what it sends, from where on, what it has heard, in bytes after the handshake.
fn data(scene: &mut Scene, micros: u64, back: bool, (from, heard): (u32, u32), length: usize) {
    let (own, others) = if back { (501, 101) } else { (101, 501) };
    scene.see(micros, &segment(back, ".", own + from, others + heard, &vec![0; length]));
}

#[test]
fn nothing_is_measured_unless_it_is_asked_for() {
    let mut scene = Scene::new();
    handshake(&mut scene);
    data(&mut scene, 100, false, (0, 0), 10);
    data(&mut scene, 200, true, (0, 10), 10);
    assert!(scene.finish().iter().all(|line| line.starts_with("tcp ")));
}

#[test]
fn a_handshake_has_two_halves() {
    let mut scene = measuring();
    handshake(&mut scene);
    let said = of(&scene.finish(), &["syn", "syn-ack", "handshake", "connection"]);
    assert_eq!(
        said,
        [
            "syn of server: 30us (1, 2)",
            "syn-ack of client: 20us (2, 3)",
            "handshake of server: 50us (1, 3)",
            "connection of server: open (1, 0)",
        ]
    );
}

#[test]
fn a_handshake_that_fails_is_counted() {
    let mut refused = measuring();
    refused.see(0, &segment(false, "S", 100, 0, &[])).see(12, &segment(true, "R.", 0, 101, &[]));
    let said = of(&refused.finish(), &["syn", "handshake"]);
    assert_eq!(said, ["syn of server: failed (1, 0)", "handshake of server: failed (1, 0)"]);
    let mut unanswered = measuring();
    unanswered.see(0, &segment(false, "S", 100, 0, &[])).see(9_000_000, &ping(false, 0));
    let said = of(&unanswered.finish(), &["syn", "handshake", "ack"]);
    let expected = ["syn of server: unanswered(1) (1, 0)", "handshake of server: unanswered(1) (1, 0)"];
    assert_eq!(said[..2], expected);
    assert_eq!(said[2..], ["ack of server: unanswered(1) (1, 0)"], "the SYN itself");
    let mut half_open = measuring();
    half_open.see(0, &segment(false, "S", 100, 0, &[])).see(30, &segment(true, "S.", 500, 101, &[]));
    let said = of(&half_open.finish(), &["syn", "syn-ack", "handshake"]);
    let client = "syn-ack of client: unanswered(1) (2, 0)";
    assert_eq!(said, ["syn of server: 30us (1, 2)", client, "handshake of server: unanswered(1) (1, 0)"]);
}

#[test]
fn each_acknowledgement_times_the_segment_that_ends_where_it_does() {
    let mut scene = measuring();
    handshake(&mut scene);
    data(&mut scene, 100, false, (0, 0), 10);
    data(&mut scene, 110, false, (10, 0), 10);
    // Both at once, then the same again, then a part of what comes next.
    data(&mut scene, 150, true, (0, 20), 0);
    data(&mut scene, 160, true, (0, 20), 0);
    data(&mut scene, 200, false, (20, 0), 10);
    data(&mut scene, 210, true, (0, 25), 0);
    assert_eq!(scene.tracker.counters().covered_segments, 1);
    assert_eq!(
        acknowledgements(scene),
        [
            "ack of server: 30us (1, 2)",
            "ack of client: 20us (2, 3)",
            "ack of server: 40us (5, 6)",
            "ack of server: unanswered(1) (8, 0)",
        ]
    );
}

/// Karn's rule: which of the two was acknowledged is not known.
#[test]
fn the_acknowledgement_of_what_was_sent_again_is_ambiguous() {
    let mut scene = measuring();
    handshake(&mut scene);
    data(&mut scene, 100, false, (0, 0), 10);
    data(&mut scene, 110, false, (10, 0), 10);
    data(&mut scene, 200_100, false, (0, 0), 10);
    data(&mut scene, 200_150, true, (0, 10), 0);
    data(&mut scene, 200_160, true, (0, 20), 0);
    let said = acknowledgements(scene);
    assert_eq!(said[2..], ["ack of server: perhaps 200050us (4, 7)", "ack of server: 200050us (5, 8)"]);
}

#[test]
fn a_fin_is_acknowledged_as_data_is() {
    let mut scene = measuring();
    handshake(&mut scene);
    scene.see(60, &segment(false, "F.", 101, 501, &[]));
    scene.see(80, &segment(true, "F.", 501, 102, &[]));
    scene.see(95, &segment(false, ".", 102, 502, &[]));
    let said = scene.finish();
    assert_eq!(of(&said, &["ack"])[2..], ["ack of server: 20us (4, 5)", "ack of client: 15us (5, 6)"]);
    assert_eq!(of(&said, &["connection"]), ["connection of server: 95us (1, 6)"]);
}

#[test]
fn a_clock_that_is_set_back_is_counted_and_gives_no_time() {
    let mut scene = measuring();
    scene.see(5_000_000, &segment(false, "S", 100, 0, &[])).see(1_000_000, &segment(true, "S.", 500, 101, &[]));
    scene.see(1_000_020, &segment(false, ".", 101, 501, &[]));
    let said = of(&scene.finish(), &["syn", "syn-ack", "handshake", "ack"]);
    assert_eq!(
        said,
        [
            "ack of server: steppedback (1, 2)",
            "ack of client: 20us (2, 3)",
            "syn of server: steppedback (1, 2)",
            "syn-ack of client: 20us (2, 3)",
            "handshake of server: steppedback (1, 3)",
        ]
    );
}

#[test]
fn an_answer_has_a_first_and_a_last_byte() {
    let mut scene = measuring();
    handshake(&mut scene);
    // A request in two segments, its answer in three, and the next request.
    data(&mut scene, 100, false, (0, 0), 10);
    data(&mut scene, 120, false, (10, 0), 10);
    data(&mut scene, 150, true, (0, 20), 0);
    data(&mut scene, 500, true, (0, 20), 10);
    data(&mut scene, 510, true, (10, 20), 10);
    data(&mut scene, 700, true, (20, 20), 10);
    data(&mut scene, 5000, false, (20, 30), 10);
    data(&mut scene, 5040, true, (30, 30), 5);
    scene.see(5050, &segment(true, "F.", 536, 131, &[]));
    assert_eq!(
        requests(scene),
        [
            "first-byte of server: 380us (5, 7)",
            "last-byte of server: 580us (5, 9)",
            "first-byte of server: 40us (10, 11)",
            "last-byte of server: 40us (10, 11)",
        ]
    );
}

#[test]
fn what_is_sent_again_does_not_change_when_it_was_said() {
    let mut scene = measuring();
    handshake(&mut scene);
    data(&mut scene, 100, false, (0, 0), 10);
    data(&mut scene, 200_100, false, (0, 0), 10);
    data(&mut scene, 200_500, true, (0, 10), 10);
    data(&mut scene, 400_500, true, (0, 10), 10);
    // The client's old request comes by once more.
    data(&mut scene, 400_600, false, (0, 0), 10);
    data(&mut scene, 500_000, false, (10, 10), 10);
    let said = requests(scene);
    assert_eq!(said[..2], ["first-byte of server: 200400us (4, 6)", "last-byte of server: 200400us (4, 6)"]);
    assert_eq!(said[2..], ["first-byte of server: unanswered(1) (9, 0)", "last-byte of server: unanswered(1) (9, 0)"]);
}

#[test]
fn who_has_not_heard_the_whole_request_is_not_answering_it() {
    let mut scene = measuring();
    handshake(&mut scene);
    data(&mut scene, 100, false, (0, 0), 10);
    data(&mut scene, 110, false, (10, 0), 10);
    // This is what the server says of the first request: it has not heard the second.
    data(&mut scene, 120, true, (0, 10), 10);
    data(&mut scene, 130, true, (10, 20), 10);
    data(&mut scene, 200, false, (20, 20), 10);
    data(&mut scene, 240, true, (20, 30), 10);
    assert_eq!(
        requests(scene),
        [
            "first-byte of server: atonce (5, 0)",
            "last-byte of server: atonce (5, 0)",
            "first-byte of server: 40us (8, 9)",
            "last-byte of server: open (8, 0)",
        ]
    );
}

#[test]
fn a_client_that_speaks_before_it_has_heard_the_answer_asks_at_once() {
    let mut scene = measuring();
    handshake(&mut scene);
    data(&mut scene, 100, false, (0, 0), 10);
    data(&mut scene, 140, true, (0, 10), 10);
    data(&mut scene, 141, true, (10, 10), 10);
    data(&mut scene, 142, false, (10, 10), 10);
    // Nothing more is certain until the server has heard all and the client has heard that.
    data(&mut scene, 150, true, (20, 20), 10);
    data(&mut scene, 160, false, (20, 30), 10);
    data(&mut scene, 190, true, (30, 30), 10);
    assert_eq!(
        requests(scene)[..3],
        [
            "first-byte of server: 40us (4, 5)",
            "last-byte of server: atonce (4, 0)",
            "first-byte of server: 30us (9, 10)"
        ]
    );
}

#[test]
fn a_server_that_speaks_first_answers_nothing() {
    let mut scene = measuring();
    handshake(&mut scene);
    data(&mut scene, 100, true, (0, 0), 10);
    data(&mut scene, 200, false, (0, 10), 10);
    data(&mut scene, 250, true, (10, 10), 10);
    scene.see(300, &segment(false, "R", 111, 0, &[]));
    assert_eq!(requests(scene), ["first-byte of server: 50us (5, 6)", "last-byte of server: 50us (5, 6)"]);
}

#[test]
fn segments_beyond_the_cap_are_counted() {
    let mut scene = Scene::with(Limits { measures: true, segments: 2, ..Limits::default() });
    handshake(&mut scene);
    for n in 0..5 {
        data(&mut scene, 100 + u64::from(n), false, (n * 10, 0), 10);
    }
    assert_eq!(scene.tracker.counters().unmeasured_segments, 3);
    data(&mut scene, 200, true, (0, 50), 0);
    assert_eq!(scene.tracker.counters().covered_segments, 2);
    data(&mut scene, 210, false, (50, 0), 10);
    data(&mut scene, 220, true, (0, 60), 0);
    assert_eq!(acknowledgements(scene)[2..], ["ack of server: 10us (10, 11)"]);
}

#[test]
fn a_connection_in_the_place_of_another_begins_anew() {
    let mut scene = measuring();
    handshake(&mut scene);
    data(&mut scene, 100, false, (0, 0), 10);
    scene.see(200, &segment(false, "S", 9000, 0, &[])).see(230, &segment(true, "S.", 7000, 9001, &[]));
    let said = of(&scene.finish(), &["ack", "first-byte"]);
    assert_eq!(
        said[2..],
        [
            "first-byte of server: unanswered(1) (4, 0)",
            "ack of server: unanswered(1) (4, 0)",
            "ack of server: 30us (5, 6)",
            "ack of client: unanswered(1) (6, 0)",
        ]
    );
}
