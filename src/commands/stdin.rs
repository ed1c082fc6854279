//! Standard input that ends when somebody asks for it: a live pipe may be silent for hours, and Ctrl-C must not wait.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// How often a silent pipe is asked whether to go on, in milliseconds.
const LOOK_AROUND: u8 = 50;

/// Standard input, unbuffered, until `stop` is set. Reading a pipe that is silent gives `WouldBlock` every
/// [`LOOK_AROUND`], so that what is known by then can be told.
pub(super) struct Stdin {
    file: File,
    stop: Arc<AtomicBool>,
}

impl Stdin {
    /// Standard input as it is now.
    ///
    /// # Errors
    /// It is closed, or the process has no file descriptor left.
    pub fn new(stop: Arc<AtomicBool>) -> io::Result<Self> {
        Ok(Self { file: File::from(io::stdin().as_fd().try_clone_to_owned()?), stop })
    }
}

impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return Ok(0);
        }
        let mut ready = [PollFd::new(self.file.as_fd(), PollFlags::POLLIN)];
        match poll(&mut ready, PollTimeout::from(LOOK_AROUND)) {
            Ok(0) | Err(Errno::EINTR) => Err(io::ErrorKind::WouldBlock.into()),
            Ok(_) => self.file.read(buffer),
            Err(errno) => Err(errno.into()),
        }
    }
}
