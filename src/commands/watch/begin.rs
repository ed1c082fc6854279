//! The beginning: what the user named is found and opened, or it is said why not.

use std::process::ExitCode;
use std::sync::Arc;

use super::super::confined;
use super::super::missing;
use super::super::owners::Owners;
use super::super::targets::{Target, Unresolved};
use super::{FIRST_LISTING, LIVE, Watching, interface_names, monotonic};
use crate::cli;
use crate::docker::{DaemonConfig, DaemonError, Directory, DirectoryWatch};

impl Watching {
    /// Finds what the user named and opens it.
    pub(super) fn begin(
        &mut self,
        arguments: &cli::Watch,
        docker: &DirectoryWatch,
        config: &DaemonConfig,
    ) -> Result<(), ExitCode> {
        let targets = self.targets(arguments)?;
        let (directory, why_none) = match docker.wait_first(FIRST_LISTING) {
            Ok(directory) => (directory, None),
            Err(error) => (docker.current(), Some(error)),
        };
        let is_awaited = self.plan.waits && why_none.as_ref().is_some_and(may_still_come);
        let interfaces = interface_names();
        for target in targets {
            let found = target.resolve(&directory, &interfaces);
            let found = found.map_err(|unresolved| match &why_none {
                Some(_) if is_awaited => None,
                Some(why) => Some(unasked(&target, why)),
                None if self.plan.waits && unresolved == Unresolved::Missing => None,
                None => Some(missing::why(&target, &unresolved, &directory, &interfaces, config)),
            });
            let refused = match &found {
                Ok(subject) => missing::unwatchable(subject, &directory),
                Err(why) => why.clone(),
            };
            if let Some(why) = refused {
                return Err(self.refuse(&why));
            }
            self.plan.add(target, found.ok());
        }
        self.plan.every_bridge = self.plan.entries.is_empty();
        if let Some(why) = &why_none {
            self.without_daemon(why, is_awaited)?;
        } else if let Some(why) = self.elsewhere(&directory, &interfaces, config) {
            return Err(self.refuse(&why));
        }
        self.open_first(&directory, why_none.as_ref())
    }

    fn targets(&mut self, arguments: &cli::Watch) -> Result<Vec<Target>, ExitCode> {
        let interfaces = arguments.interfaces.iter().map(|interface| format!("if:{interface}"));
        let typed = arguments.targets.iter().cloned().chain(interfaces);
        typed.map(|typed| Target::read(&typed)).collect::<Result<_, _>>().map_err(|why| self.refuse(&why))
    }

    fn without_daemon(&mut self, why: &DaemonError, is_awaited: bool) -> Result<(), ExitCode> {
        self.daemon_is_out = true;
        if is_awaited {
            self.messages.say(&format!("{why}. Waiting for it."));
        } else if self.plan.every_bridge {
            return Err(self.refuse(&format!("{why}. Without Docker, name an interface: if:eth0")));
        } else {
            self.messages.say(&format!("{why}. Going on with addresses instead of names."));
        }
        Ok(())
    }

    /// Where what was named is on another machine. Interfaces of this one may be watched all the same.
    fn elsewhere(&self, directory: &Directory, interfaces: &[String], config: &DaemonConfig) -> Option<String> {
        let is_docker = self.plan.every_bridge || self.plan.entries.iter().any(super::super::plan::Entry::is_docker);
        if is_docker { missing::elsewhere(directory, interfaces, config) } else { None }
    }

    fn open_first(&mut self, directory: &Arc<Directory>, why_no_names: Option<&DaemonError>) -> Result<(), ExitCode> {
        self.output.namer.set_directory(LIVE, Arc::clone(directory));
        self.resolve_filters(directory, why_no_names.map(ToString::to_string).as_deref())?;
        self.listen_for_namespaces(directory);
        self.owners = Owners::of(directory, None, monotonic());
        self.open_missing(directory, true)?;
        self.look_at_interfaces();
        self.know_bridges(directory);
        if self.taps.is_empty() && self.plan.every_bridge && !self.plan.waits {
            return Err(self.refuse("there is no Docker bridge; name an interface: if:eth0"));
        }
        self.keep_names(directory);
        self.keep_sockets();
        self.begin_recording()?;
        self.give_up()?;
        let watched = self.what_is_watched(directory);
        self.messages.say(&watched);
        Ok(())
    }

    /// Everything is open that there is: what no new tap takes is given up.
    fn give_up(&mut self) -> Result<(), ExitCode> {
        if self.plan.is_of_containers() || self.probing.is_some() {
            return Ok(());
        }
        let has_docker = self.directory().networks().next().is_some();
        // One of several may go and come again; when the last is gone, the watch is over.
        let opens_more = self.plan.waits || self.plan.entries.len() > 1;
        confined::have_opened_taps(has_docker, opens_more).map_err(|why| self.refuse(&why))
    }

    pub(super) fn refuse(&mut self, why: &str) -> ExitCode {
        self.messages.say(why);
        ExitCode::FAILURE
    }
}

/// Whether waiting helps: the daemon may be started, but nobody mends an address or gives a right meanwhile.
fn may_still_come(error: &DaemonError) -> bool {
    matches!(error, DaemonError::NoDaemon { .. } | DaemonError::Timeout { .. } | DaemonError::BadAnswer { .. })
}

fn unasked(target: &Target, why: &DaemonError) -> String {
    format!("{} is not an interface, and Docker's networks and containers cannot be listed: {why}", target.name)
}
