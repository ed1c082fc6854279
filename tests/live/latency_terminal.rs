//! The live table on a terminal: drawn in place, within the window, and gone when the final one comes.

use std::process::Command;
use std::time::Duration;

use super::lab::{Lab, Printing, address, docker, eventually, exec};
use super::screen::Screen;
use super::watching::{Watching, bridgetap};

/// A terminal that knows the usual sequences.
fn terminal(arguments: &[&str]) -> Command {
    let mut command = bridgetap(&[&["latency"], arguments].concat());
    command.env("TERM", "xterm-256color").env_remove("NO_COLOR");
    command
}

fn count(lines: &[String], part: &str) -> usize {
    lines.iter().filter(|line| line.contains(part)).count()
}

/// Pings that go on meanwhile.
fn pings(client: &str, count: &str, target: &str) -> Printing {
    let ping = ["exec", client, "ping", "-c", count, "-i", "0.1", target];
    let mut ping = Printing::begin(Command::new("docker").args(ping));
    ping.until("seq=0");
    ping
}

/// How many were measured, by the first line of the live table.
fn measured(shown: &[String]) -> Option<u64> {
    let line = shown.iter().find(|line| line.contains(" measured, "))?;
    line.split_once(" measured, ")?.0.rsplit(' ').next()?.parse().ok()
}

/// Nothing is left of the live table, and the final one is there once.
fn assert_final(all: &[String], messages: &[&str]) {
    let text = all.join("\n");
    assert_eq!(count(all, " measured, "), 0, "{text}");
    assert_eq!(count(all, "count  lost"), 1, "{text}");
    assert_eq!(count(all, "container_b → container_a (my_bridge)"), 2, "a row and a chart: {text}");
    assert_eq!(count(all, "dropped by the kernel"), 1, "{text}");
    for message in messages {
        assert_eq!(count(all, message), 1, "{message}: {text}");
    }
    // The messages, and then the table.
    let table = all.iter().position(|line| line.contains("count  lost")).expect("a table");
    assert!(all[table..].iter().all(|line| !line.starts_with("bridgetap: ")), "{text}");
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn the_live_table_is_drawn_in_place_and_leaves_nothing_behind() {
    let _lab = Lab::up(&["user-bridge"]);
    let target = address("container_a", "my_bridge");
    assert_elsewhere_is_the_final_table_only(&target);
    let mut screen = Screen::begin(&terminal(&["my_bridge"]), 24, 80);
    screen.until("watching my_bridge");
    let ping = pings("container_b", "25", &target);
    for least in [3, 8] {
        screen.until_so("as many pings", |shown| measured(shown) >= Some(least));
        let all = screen.all();
        assert_eq!((count(&all, " measured, "), count(&all, "count  lost")), (1, 1), "{}", all.join("\n"));
        assert_eq!(count(&all, "  ping  "), 1, "{}", all.join("\n"));
    }
    // The window is pulled smaller, and larger again.
    for (rows, columns) in [(10, 40), (30, 120)] {
        screen.resize(rows, columns);
        let before = measured(&screen.shown());
        screen.until_so("a table drawn anew", |shown| measured(shown) > before);
        let all = screen.all();
        assert_eq!(count(&all, " measured, "), 1, "{}", all.join("\n"));
    }
    ping.rest();
    screen.press("\x03");
    let (code, written) = screen.ended();
    assert_eq!(code, Some(0), "{written}");
    assert_final(&screen.all(), &["bridgetap: watching my_bridge"]);
    assert!(written.contains("\x1b[1m"), "the terminal has colours: {written:?}");
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_tiny_window_shows_what_fits_and_messages_go_above() {
    let lab = Lab::up(&["user-bridge"]);
    let options = ["--network", "my_bridge"];
    lab.run("four", &options, &["bridgetap-lab-busybox", "sleep", "300"]);
    let mut command = terminal(&["four"]);
    command.env("NO_COLOR", "1");
    let mut screen = Screen::begin(&command, 10, 40);
    screen.until("watching four");
    let ping = format!("ping -i 0.1 {}", address("four", "my_bridge"));
    for name in ["one", "two", "three"] {
        lab.run(name, &options, &["bridgetap-lab-busybox", "sh", "-c", &ping]);
    }
    screen.until("more series");
    let before = measured(&screen.shown());
    screen.until_so("a table drawn anew", |shown| measured(shown) > before);
    let shown = screen.shown();
    assert!(shown.len() <= 10 && shown.iter().all(|line| line.chars().count() <= 40), "{shown:#?}");
    // A message comes above it, and it is drawn again below.
    docker(&["kill", "four"]);
    eventually("a message, and the table below it", || {
        let all = screen.all();
        let place = |part: &str| all.iter().position(|line| line.contains(part));
        place("four stopped").is_some() && place("four stopped") < place(" measured, ")
    });
    assert_eq!(count(&screen.all(), " measured, "), 1, "{:#?}", screen.all());
    screen.press("\x03");
    let (code, written) = screen.ended();
    let all = screen.all();
    assert_eq!((code, count(&all, " measured, "), count(&all, "four stopped")), (Some(0), 0, 1), "{}", all.join("\n"));
    assert_eq!((count(&all, "more series"), count(&all, "one → four (my_bridge)")), (0, 1), "{}", all.join("\n"));
    // Cursor movements, but no colour.
    assert!(written.contains("\x1b[") && !written.split("\x1b[").skip(1).any(is_colour), "{written:?}");
}

/// Whether what follows `ESC [` is a colour.
fn is_colour(after: &str) -> bool {
    after.trim_start_matches(|char: char| char.is_ascii_digit() || char == ';').starts_with('m')
}

/// A terminal that knows no sequences, and a pipe.
fn assert_elsewhere_is_the_final_table_only(target: &str) {
    let mut command = terminal(&["my_bridge"]);
    command.env("TERM", "dumb");
    let mut screen = Screen::begin(&command, 24, 80);
    screen.until("watching my_bridge");
    let piped = Watching::begin(&mut terminal(&["my_bridge"]));
    exec("container_b", &format!("ping -c 12 -i 0.1 {target}"));
    screen.press("\x03");
    let (code, written) = screen.ended();
    assert_eq!(code, Some(0), "{written}");
    assert!(!written.contains('\x1b'), "{written:?}");
    assert_final(&screen.all(), &["bridgetap: watching my_bridge"]);
    let ended = piped.end();
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert!(ended.took < Duration::from_secs(2), "{:?}", ended.took);
    for text in [&ended.text, &ended.said] {
        assert!(!text.chars().any(|char| char.is_control() && char != '\n'), "{text:?}");
    }
    assert_final(&ended.text.lines().map(str::to_owned).collect::<Vec<_>>(), &[]);
}
