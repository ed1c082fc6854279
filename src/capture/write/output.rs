//! Where blocks are written: a file that stays whole, a pipe, or standard output.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::libc;

use super::{WriteError, blocks};

/// Only its owner reads a capture: it holds what others said.
const MODE: u32 = 0o600;

/// A capture file that is being written. It ends with a whole block at any time, but for the moment of writing itself.
#[derive(Debug)]
pub struct OutputFile {
    name: String,
    /// Where it is; nothing for standard output.
    path: Option<PathBuf>,
    file: File,
    written: u64,
    /// What was half written can be taken back: not on a pipe.
    is_regular: bool,
}

impl OutputFile {
    /// Makes a file, readable by its owner only. One that exists is replaced with `force`, else refused; a named pipe or a
    /// device is written to as it is. `user` is who writes, for messages, where that is not who runs the program.
    pub fn create(path: &Path, force: bool, user: Option<&str>) -> Result<Self, WriteError> {
        let making = |error| WriteError::making(path, error, user);
        let mut options = OpenOptions::new();
        options.write(true).mode(MODE);
        let existing = std::fs::metadata(path).ok().map(|found| found.file_type());
        let is_regular = match existing {
            Some(found) if found.is_fifo() || found.is_char_device() => false,
            Some(found) if found.is_dir() => return Err(WriteError::IsFolder { path: path.to_owned() }),
            // A link that somebody put there in the meantime is not followed.
            Some(_) if force => {
                options.create(true).truncate(true).custom_flags(libc::O_NOFOLLOW);
                true
            }
            _ => {
                options.create_new(true);
                true
            }
        };
        let file = options.open(path).map_err(making)?;
        if is_regular && existing.is_some() {
            // One that was there may be open to all. Who may write to it and is not its owner leaves it as it is.
            let _ = file.set_permissions(Permissions::from_mode(MODE));
        }
        let name = path.to_string_lossy().into_owned();
        Ok(Self { name, path: Some(path.to_owned()), file, written: 0, is_regular })
    }

    /// Standard output, as it was handed to the program.
    pub fn standard(output: OwnedFd) -> Self {
        let name = "standard output".to_owned();
        Self { name, path: None, file: File::from(output), written: 0, is_regular: false }
    }

    /// What it is called in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is; nothing for standard output.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// How many bytes of whole blocks it has.
    pub const fn len(&self) -> u64 {
        self.written
    }

    /// Whether nothing was written yet.
    pub const fn is_empty(&self) -> bool {
        self.written == 0
    }

    /// Writes whole blocks.
    ///
    /// # Errors
    /// Where only some of them could be written, the file ends with the last of those, and [`OutputFile::len`] counts them.
    pub fn write(&mut self, blocks: &[u8]) -> Result<(), WriteError> {
        let mut done = 0;
        while let Some(rest) = blocks.get(done..).filter(|rest| !rest.is_empty()) {
            match self.file.write(rest) {
                Ok(0) => return Err(self.failed(blocks, done, io::ErrorKind::WriteZero.into())),
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(blocks, done, error)),
            }
        }
        self.written += done as u64;
        Ok(())
    }

    /// Takes back the block that is half written.
    fn failed(&mut self, blocks: &[u8], done: usize, error: io::Error) -> WriteError {
        self.written += blocks::whole(blocks, done) as u64;
        if self.is_regular {
            // Where even that fails, readers say that the file is cut, and read all before.
            let _ = self.file.set_len(self.written);
            let _ = self.file.seek(SeekFrom::Start(self.written));
        }
        WriteError::writing(&self.name, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Frame;

    fn packets(count: u8) -> Vec<u8> {
        let mut out = Vec::new();
        blocks::section(&mut out);
        for byte in 0..count {
            let frame = Frame {
                number: 1,
                at: crate::time::Timestamp::from_nanos(7),
                wire_len: 60,
                bytes: &[byte; 5],
                link: crate::capture::LinkType::ETHERNET,
                tap: crate::capture::TapId(0),
            };
            blocks::packet(&mut out, 0, &frame);
        }
        out
    }

    #[test]
    fn a_file_that_exists_is_not_replaced_unless_forced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pcapng");
        let mut file = OutputFile::create(&path, false, None).unwrap();
        file.write(&packets(1)).unwrap();
        assert!(matches!(OutputFile::create(&path, false, None), Err(WriteError::Exists { .. })));
        assert_eq!(std::fs::metadata(&path).unwrap().len(), file.len());
        let again = OutputFile::create(&path, true, None).unwrap();
        assert!(again.is_empty() && std::fs::read(&path).unwrap().is_empty());
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(OutputFile::create(&link, true, None), Err(WriteError::IsLink { .. })));
        assert!(matches!(OutputFile::create(folder.path(), true, None), Err(WriteError::IsFolder { .. })));
        let nowhere = folder.path().join("none/a.pcapng");
        assert!(matches!(OutputFile::create(&nowhere, false, None), Err(WriteError::NoFolder { .. })));
    }

    #[test]
    fn only_the_owner_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pcapng");
        let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        OutputFile::create(&path, false, None).unwrap();
        assert_eq!(mode(), 0o600);
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        OutputFile::create(&path, true, None).unwrap();
        assert_eq!(mode(), 0o600, "also where everybody could read what it replaces");
    }

    #[test]
    fn a_device_is_written_to_as_it_is_and_a_full_disk_is_said() {
        let mut null = OutputFile::create(Path::new("/dev/null"), false, None).unwrap();
        null.write(&packets(2)).unwrap();
        let mut full = OutputFile::create(Path::new("/dev/full"), false, None).unwrap();
        let error = full.write(&packets(2)).unwrap_err();
        assert!(matches!(error, WriteError::Full { .. }), "{error}");
        assert!(full.is_empty());
    }

    #[test]
    fn whole_blocks_are_counted() {
        let bytes = packets(3);
        let ends: Vec<_> = (0..=bytes.len()).map(|written| blocks::whole(&bytes, written)).collect();
        assert_eq!(ends[bytes.len()], bytes.len());
        assert_eq!(ends[bytes.len() - 1], bytes.len() - 40);
        assert!(ends.iter().enumerate().all(|(written, whole)| *whole <= written && written - whole < 120));
        assert_eq!(blocks::whole(&[0; 16], 16), 0);
    }
}
