//! A terminal of a given width, for a program that asks whether it writes to one.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::{Command, ExitStatus, Stdio};

use nix::pty::{Winsize, openpty};

/// Runs the program in a terminal and gives what it wrote there, with line feeds alone at the ends of lines.
pub fn run(mut command: Command, columns: u16) -> (String, ExitStatus) {
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let terminal = openpty(Some(&size), None).expect("a terminal");
    let end: OwnedFd = terminal.slave;
    command.stdin(Stdio::null()).stdout(end.try_clone().unwrap()).stderr(end);
    let mut child = command.spawn().unwrap();
    // The terminal ends when nobody has it open any more, so this process must not.
    drop(command);
    let (mut output, mut master) = (Vec::new(), File::from(terminal.master));
    let mut chunk = [0; 4096];
    // Linux says EIO where a file would say that it has ended.
    while let Ok(length @ 1..) = master.read(&mut chunk) {
        output.extend_from_slice(&chunk[..length]);
    }
    let status = child.wait().unwrap();
    (String::from_utf8(output).unwrap().replace("\r\n", "\n"), status)
}

/// The text without its colours (`ESC [ … m`).
pub fn without_colors(text: &str) -> String {
    let mut plain = String::new();
    let mut parts = text.split("\x1b[");
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let end = part.find('m').expect("the sequence is a colour");
        assert!(part[..end].chars().all(|char| char.is_ascii_digit() || char == ';'), "{part:?} is no colour");
        plain.push_str(&part[end + 1..]);
    }
    plain
}
