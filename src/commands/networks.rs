//! `bridgetap networks`: what is connected to what, and what of it changes.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};

use super::output::{ended, plain_layout};
use super::{Messages, Streams, confined, signals};
use crate::capture::{self, Error, Links, Rights, sandboxes};
use crate::cli;
use crate::docker::{self, Change, DaemonConfig, Directory};
use crate::render::{TreeWriter, documents};
use crate::time::Timestamp;
use crate::topology::{Inside, Seen, Selection, Sights, Topology, build, changes};

/// How long the daemon may take to say what there is.
const FIRST_LISTING: Duration = Duration::from_secs(10);

enum Control {
    Docker(Change),
    Signal,
}

/// Runs the command.
pub(super) fn run(arguments: &cli::Networks, mut streams: Streams) -> ExitCode {
    if let Err(why) = confined::to_look(arguments.run_as.user.as_deref()) {
        streams.messages.say(&why);
        return ExitCode::FAILURE;
    }
    let (control, controls) = unbounded();
    let watch = {
        let control = control.clone();
        docker::spawn(DaemonConfig::of_process(), move |change| {
            // Nobody listens any more only when the program ends.
            let _ = control.send(Control::Docker(change));
        })
    };
    let directory = match watch.wait_first(FIRST_LISTING) {
        Ok(directory) => directory,
        Err(error) => {
            streams.messages.say(&error.to_string());
            return ExitCode::FAILURE;
        }
    };
    let (selection, wrong) = Selection::resolve(&arguments.names, &directory);
    if !wrong.is_empty() {
        for why in &wrong {
            streams.messages.say(why);
        }
        return ExitCode::FAILURE;
    }
    let layout = plain_layout(arguments.color, streams.out_is_terminal);
    let out = io::BufWriter::new(streams.take_out());
    let mut telling = Telling { tree: TreeWriter::new(out, layout), json: arguments.json };
    let topology = build(&directory, &look_around(&directory), &selection);
    let mut written = telling.topology(&topology, capture::wall_clock());
    if topology.networks.iter().flat_map(|network| &network.containers).any(|place| place.seen == Seen::NotPermitted) {
        let lacks = "which veth is whose takes CAP_SYS_ADMIN and CAP_SYS_PTRACE: run sudo bridgetap networks";
        streams.messages.say(lacks);
    }
    if arguments.watch && written.is_ok() {
        signals::listen(move || drop(control.send(Control::Signal)));
        streams.messages.say("watching for changes; Ctrl-C ends");
        written = follow(&mut telling, &controls, topology, &arguments.names, &mut streams.messages);
    }
    if ended(written, &mut streams.messages) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Tells what changes until it is to end.
fn follow(
    telling: &mut Telling,
    controls: &Receiver<Control>,
    mut known: Topology,
    names: &[String],
    messages: &mut Messages,
) -> io::Result<()> {
    for control in controls {
        match control {
            Control::Signal => break,
            Control::Docker(Change::Directory(directory)) => {
                // Names anew each time: what was removed and made again has another id.
                let (selection, _) = Selection::resolve(names, &directory);
                let next = build(&directory, &look_around(&directory), &selection);
                for change in changes(&known, &next) {
                    telling.change(&change, directory.as_of())?;
                }
                known = next;
            }
            Control::Docker(Change::Unreachable(error)) => messages.say(&format!("{error}. Waiting for it.")),
            Control::Docker(Change::Reconnected) => messages.say("the Docker daemon answers again"),
        }
    }
    Ok(())
}

/// Writes in the form that was asked for, at once.
struct Telling {
    tree: TreeWriter<io::BufWriter<Box<dyn Write + Send>>>,
    json: bool,
}

impl Telling {
    fn topology(&mut self, topology: &Topology, at: Timestamp) -> io::Result<()> {
        if self.json {
            documents::networks(topology, at, self.tree.out())?;
        } else {
            self.tree.topology(topology)?;
        }
        self.tree.out().flush()
    }

    fn change(&mut self, change: &crate::topology::Change, at: Timestamp) -> io::Result<()> {
        if self.json {
            documents::change(change, at, self.tree.out())?;
        } else {
            self.tree.change(change, at)?;
        }
        self.tree.out().flush()
    }
}

/// Reads the links of this machine and of every namespace that the Directory names.
fn look_around(directory: &Directory) -> Sights {
    let mut paths: Vec<_> = directory.containers().filter_map(|container| container.namespace.as_ref()).collect();
    paths.sort_unstable();
    paths.dedup();
    let paths: Vec<_> = paths.into_iter().map(PathBuf::from).collect();
    let inside = paths.iter().map(|path| (path.clone(), inside(path))).collect();
    let hidden = hidden(directory, &paths);
    Sights {
        // Without links of the host, interfaces are said not to be there: there is no kernel that refuses them.
        host: Links::read(None, &paths).unwrap_or_default(),
        inside,
        hidden,
        may_enter: Rights::of_process().sys_admin,
    }
}

fn inside(path: &Path) -> Inside {
    match Links::read(Some(path), &[]) {
        Ok(links) => Inside::Seen(links),
        Err(Error::NotEntered { .. }) => Inside::NotPermitted,
        Err(_) => Inside::NotHere,
    }
}

/// The hidden namespaces of overlay networks (moby, `libnetwork/drivers/overlay/ov_network.go`): their file is named by a
/// counter and the first ten digits of the network's id.
fn hidden(directory: &Directory, containers: &[PathBuf]) -> std::collections::HashMap<String, (PathBuf, Links)> {
    let overlays: Vec<_> = directory.networks().filter(|network| network.driver == "overlay").map(Arc::clone).collect();
    if overlays.is_empty() {
        return std::collections::HashMap::new();
    }
    let of_docker = containers.iter().filter_map(|path| path.parent()).find(|folder| folder.ends_with("netns"));
    let folder = of_docker.unwrap_or(Path::new(sandboxes::FOLDER));
    let files: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    let found = overlays.iter().filter_map(|network| {
        let ending = format!("-{}", network.id.0.get(..10)?);
        let path = files.iter().find(|path| path.to_string_lossy().ends_with(&ending))?;
        let links = Links::read(Some(path), containers).ok()?;
        Some((network.id.0.to_string(), (path.clone(), links)))
    });
    found.collect()
}
