//! The thread that sends, inside the client's network namespace.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use super::clock::Machine;
use super::connect::{Connect, any_port};
use super::echo::Echo;
use super::engine::{self, Ask};
use super::lookup::{self, Lookup};
use super::{Event, Failure, Plan, ProbeError, Question};
use crate::capture::{Namespace, Stop};
use crate::privilege::{self, Files};

/// Any port will do to ask for a route; nothing is sent. RFC 863's.
const DISCARD: u16 = 9;

/// Sends probes until its plan is done, or until it is stopped or dropped.
#[derive(Debug)]
pub struct Prober {
    stop: Stop,
    namespace: PathBuf,
    thread: Option<JoinHandle<()>>,
}

/// Begins to send from a client's network namespace, and tells of each probe.
///
/// `told` is called on the prober's own thread, just before each probe leaves: what it takes makes the probe late, and so
/// does the next one where it blocks. It is told [`Event::Done`] last, and nothing after it.
///
/// # Errors
/// The plan is out of its bounds, the namespace cannot be entered, its sockets cannot be had, or there is no route from
/// there to who is asked. Nothing was sent.
pub fn spawn<T>(namespace: Namespace, plan: Plan, mut told: T) -> Result<Prober, ProbeError>
where
    T: FnMut(Event) + Send + 'static,
{
    plan.check()?;
    let stop = Stop::new()?;
    let (path, stopping) = (namespace.path().to_owned(), stop.clone());
    let (opened, opening) = mpsc::sync_channel(1);
    let thread = thread::Builder::new().name("probe".to_owned()).spawn(move || {
        let (mut machine, mut asker) = match open(namespace, &plan, stopping) {
            Ok(open) => open,
            // Who spawned it waits for the answer, or has gone.
            Err(error) => return drop(opened.send(Err(error))),
        };
        // All sockets that take a right are open by now.
        let _ = privilege::keep_paths();
        Files { network: true, ..Files::default() }.restrict();
        let _ = opened.send(Ok(()));
        let summary = engine::run(&mut machine, &mut *asker, &plan, &mut told);
        told(Event::Done(summary));
    });
    let thread = thread.map_err(|source| ProbeError::Io { namespace: path.clone(), source })?;
    let prober = Prober { stop, namespace: path, thread: Some(thread) };
    match opening.recv() {
        Ok(Ok(())) => Ok(prober),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(prober.panicked()),
    }
}

impl Prober {
    /// Asks it to end now: nothing more is sent, answers are not waited for, and connections that do not stand yet are
    /// given up without being told. Never blocks.
    pub fn stop(&self) {
        self.stop.request();
    }

    /// Waits until it has told all.
    ///
    /// # Errors
    /// Its thread panicked, which only `told` can do.
    pub fn wait(mut self) -> Result<(), ProbeError> {
        let ended = self.thread.take().map_or(Ok(()), JoinHandle::join);
        ended.map_err(|_| self.panicked())
    }

    fn panicked(&self) -> ProbeError {
        let source = io::Error::other("the thread that sends panicked");
        ProbeError::Io { namespace: self.namespace.clone(), source }
    }
}

impl Drop for Prober {
    /// Not waited for: `told` may wait for whoever drops it.
    fn drop(&mut self) {
        self.stop();
    }
}

/// Enters the namespace with the calling thread, and opens there all that sending takes.
fn open(namespace: Namespace, plan: &Plan, stop: Stop) -> Result<(Machine, Box<dyn Ask>), ProbeError> {
    namespace.enter()?;
    let (path, to) = (namespace.path().to_owned(), plan.question.to());
    let refused = |source| ProbeError::of(path.clone(), to, source);
    // Connecting a UDP socket sends nothing, but takes a route.
    let route = UdpSocket::bind(any_port(to)).and_then(|socket| socket.connect(SocketAddr::new(to, DISCARD)));
    route.map_err(|source| match Failure::of(&source) {
        // Not this program's rights: there is a route, of the type `prohibit`.
        Failure::Forbidden => ProbeError::NoRoute { to, namespace: path.clone() },
        _ => refused(source),
    })?;
    let asker: Box<dyn Ask> = match &plan.question {
        Question::Echo { to, data_len } => Box::new(Echo::open(*to, *data_len, random()).map_err(refused)?),
        Question::Connect { to } => Box::new(Connect::open(*to, plan.patience).map_err(refused)?),
        Question::Lookup { resolver, name } => {
            Box::new(Lookup::open(*resolver, &lookup::encode(name)?, random()).map_err(refused)?)
        }
    };
    let machine = Machine::new(namespace, plan.interval, stop).map_err(|errno| refused(errno.into()))?;
    Ok((machine, asker))
}

/// Any number. The standard library takes the seed of its hash tables from the system.
fn random() -> u16 {
    RandomState::new().build_hasher().finish() as u16
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_plan_that_cannot_be_done_is_refused_before_anything_is_opened() {
        let namespace = Namespace::open("/proc/self/ns/net".as_ref()).unwrap();
        let question = Question::Echo { to: IpAddr::V4(Ipv4Addr::UNSPECIFIED), data_len: 56 };
        let (interval, patience) = (Duration::from_millis(10), Duration::ZERO);
        let plan = Plan { question, count: None, interval, patience };
        let error = spawn(namespace, plan, |_| panic!("told")).unwrap_err();
        assert!(matches!(error, ProbeError::Address { .. }), "{error:?}");
    }

    #[test]
    fn identifiers_differ() {
        let some: std::collections::BTreeSet<_> = (0..100).map(|_| random()).collect();
        assert!(some.len() > 50, "{some:?}");
    }
}
