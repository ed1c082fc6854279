//! The thread that writes the files at the end. It is made at the beginning and can do nothing but that, so that who
//! measures, and reads what anybody has sent, cannot write any file.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{Builder, Scope, ScopedJoinHandle};

use super::Measured;
use super::outputs::Outputs;
use crate::commands::confined;

/// Waits for what was measured.
pub(super) struct Scribe<'scope>(Option<(SyncSender<Measured>, ScopedJoinHandle<'scope, bool>)>);

impl<'scope> Scribe<'scope> {
    /// Begins to wait, if there is anything to be written.
    ///
    /// # Errors
    /// There can be no more threads: in words.
    pub fn begin<'env>(
        scope: &'scope Scope<'scope, 'env>,
        outputs: &'scope Outputs,
        write: impl FnOnce(&Measured) -> bool + Send + 'scope,
    ) -> Result<Self, String> {
        let paths = outputs.paths();
        if paths.is_empty() {
            return Ok(Self(None));
        }
        let (tell, told) = sync_channel(1);
        let thread = Builder::new().name("files".to_owned()).spawn_scoped(scope, move || {
            confined::writer(&paths);
            // Nothing was measured where nobody tells.
            told.recv().is_ok_and(|measured| write(&measured))
        });
        thread.map(|thread| Self(Some((tell, thread)))).map_err(|error| format!("the thread that writes: {error}"))
    }

    /// Has it written. False where something could not be.
    pub fn write(self, measured: Measured) -> bool {
        self.0.is_none_or(|(tell, thread)| tell.send(measured).is_ok() && thread.join().unwrap_or(false))
    }
}
