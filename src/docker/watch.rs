//! The daemon, watched from one thread of its own. Nobody waits for it but [`DirectoryWatch::wait_first`]: the last
//! Directory is always at hand, also while the daemon restarts.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;

use crate::docker::connect::Environment;
use crate::docker::directory::Directory;
use crate::docker::error::DaemonError;
use crate::docker::session;
use crate::privilege;
use crate::time::Timestamp;

/// The first pause before a new attempt to connect; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause between attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How to find the daemon.
#[derive(Clone, Debug, Default)]
pub struct DaemonConfig {
    /// What says where it is.
    pub environment: Environment,
}

impl DaemonConfig {
    /// As the docker command would find it from this process.
    pub fn of_process() -> Self {
        Self { environment: Environment::of_process() }
    }
}

/// What the watch tells while it runs.
#[derive(Clone, Debug)]
pub enum Change {
    /// Something changed; also the first listing.
    Directory(Arc<Directory>),
    /// The daemon cannot be asked; told once for each outage. Names go on as they were.
    Unreachable(DaemonError),
    /// After [`Change::Unreachable`]: it answers again, and everything was listed anew.
    Reconnected,
}

/// The daemon being watched. Dropping it stops the watch without waiting for a callback that is running.
#[derive(Debug)]
pub struct DirectoryWatch {
    shared: Arc<Shared>,
    /// Dropped with the watch, which ends the thread's loop.
    _stop: oneshot::Sender<()>,
}

/// Starts to watch on a thread of its own; `on_change` is called there, so it should not take long.
///
/// Never fails and never waits: what goes wrong is told by [`Change::Unreachable`] and by
/// [`DirectoryWatch::wait_first`], and tried again until it goes well.
pub fn spawn(config: DaemonConfig, on_change: impl Fn(Change) + Send + 'static) -> DirectoryWatch {
    let shared = Arc::new(Shared::default());
    let (stop, stopped) = oneshot::channel();
    let publisher = Publisher { shared: Arc::clone(&shared), on_change: Box::new(on_change), is_out: false };
    let thread = thread::Builder::new().name("docker".into());
    if let Err(error) = thread.spawn(move || run(&config, publisher, stopped)) {
        shared.set_first(Err(DaemonError::NoThread { detail: error.to_string() }));
    }
    DirectoryWatch { shared, _stop: stop }
}

impl DirectoryWatch {
    /// The newest Directory; an empty one before the first listing. Never waits for the daemon.
    pub fn current(&self) -> Arc<Directory> {
        self.shared.current()
    }

    /// Waits for the first listing, for at most `timeout`; fails at once where the daemon cannot be asked.
    ///
    /// For the start of the program, where names on the command line must be resolved.
    pub fn wait_first(&self, timeout: Duration) -> Result<Arc<Directory>, DaemonError> {
        let first = self.shared.first.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.shared.first_known.wait_timeout_while(first, timeout, |first| first.is_none());
        let (first, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match &*first {
            Some(Ok(())) => Ok(self.shared.current()),
            Some(Err(error)) => Err(error.clone()),
            None => Err(DaemonError::Timeout { endpoint: "its socket".into() }),
        }
    }
}

impl Drop for DirectoryWatch {
    fn drop(&mut self) {
        self.shared.is_stopped.store(true, Ordering::Release);
    }
}

/// What both threads see.
#[derive(Debug, Default)]
struct Shared {
    current: RwLock<Arc<Directory>>,
    /// How the first listing went, or why there is none yet.
    first: Mutex<Option<Result<(), DaemonError>>>,
    first_known: Condvar,
    is_stopped: AtomicBool,
}

impl Shared {
    fn current(&self) -> Arc<Directory> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A success stays; a failure is replaced by whatever comes.
    fn set_first(&self, outcome: Result<(), DaemonError>) {
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*first, Some(Ok(()))) {
            *first = Some(outcome);
        }
        self.first_known.notify_all();
    }

    fn has_listed(&self) -> bool {
        matches!(*self.first.lock().unwrap_or_else(PoisonError::into_inner), Some(Ok(())))
    }
}

/// The watching thread's end: what it makes known.
pub(crate) struct Publisher {
    shared: Arc<Shared>,
    on_change: Box<dyn Fn(Change) + Send>,
    /// Whether the daemon was told to be unreachable.
    is_out: bool,
}

impl Publisher {
    /// The last Directory, or nothing before the first listing.
    pub(crate) fn last(&self) -> Option<Arc<Directory>> {
        self.shared.has_listed().then(|| self.shared.current())
    }

    /// Makes `directory` the current one. The thread that waits for the first sees it before the callback runs.
    pub(crate) fn publish(&self, directory: Directory) -> Arc<Directory> {
        let directory = Arc::new(directory);
        *self.shared.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&directory);
        self.shared.set_first(Ok(()));
        self.tell(Change::Directory(Arc::clone(&directory)));
        directory
    }

    /// Everything was listed; tells so where the daemon was away.
    pub(crate) fn connected(&mut self) {
        if std::mem::take(&mut self.is_out) {
            self.tell(Change::Reconnected);
        }
    }

    fn unreachable(&mut self, error: DaemonError) {
        self.shared.set_first(Err(error.clone()));
        if !std::mem::replace(&mut self.is_out, true) {
            self.tell(Change::Unreachable(error));
        }
    }

    fn tell(&self, change: Change) {
        if !self.shared.is_stopped.load(Ordering::Acquire) {
            (self.on_change)(change);
        }
    }
}

/// The machine's time, for a listing: unlike an event, it brings none.
#[expect(clippy::disallowed_methods, reason = "what was listed is true from now on, and no packet says when that is")]
pub(crate) fn wall_clock() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::ZERO + since_epoch
}

fn run(config: &DaemonConfig, mut publisher: Publisher, stopped: oneshot::Receiver<()>) {
    privilege::only_ask();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return publisher.unreachable(DaemonError::NoThread { detail: error.to_string() }),
    };
    runtime.block_on(async {
        tokio::select! {
            // Ends by an error, because nothing is ever sent: the sender was dropped.
            _ = stopped => {}
            () = reconnect(config, &mut publisher) => {}
        }
    });
    // A name being looked up for DOCKER_HOST=tcp://… cannot be interrupted, and is not waited for.
    runtime.shutdown_background();
}

/// One session after the other, with pauses between them that grow while none succeeds.
async fn reconnect(config: &DaemonConfig, publisher: &mut Publisher) {
    let mut pause = FIRST_PAUSE;
    loop {
        let was_out = publisher.is_out;
        let error = session::run(config, publisher).await;
        // A session that began by listing everything has ended the outage.
        if !publisher.is_out && was_out {
            pause = FIRST_PAUSE;
        }
        publisher.unreachable(error);
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
