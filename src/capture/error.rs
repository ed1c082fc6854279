//! What can go wrong when frames are read, in words for the person who gave the file.
//!
//! Every message names the file, says what is wrong with it, and where there is one, the remedy. Names of files are as
//! hostile as any other bytes, so control characters in them are escaped here.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::path::{Path, PathBuf};

/// Why frames could not be read, or not to the end.
#[derive(Debug)]
pub enum Error {
    /// There is no such file.
    NotFound {
        /// The path as it was given.
        path: PathBuf,
        /// The file of the same folder whose name is most like it.
        nearest: Option<PathBuf>,
    },
    /// The file may not be read.
    Permission {
        /// The path as it was given.
        path: PathBuf,
    },
    /// The path is a directory.
    IsDirectory {
        /// The path as it was given.
        path: PathBuf,
    },
    /// Opening or reading failed for another reason.
    Io {
        /// The file, or `standard input`.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// The file is something else than a capture.
    NotACapture {
        /// The file, or `standard input`.
        name: String,
        /// What it seems to be.
        looks: Looks,
    },
    /// The file has no bytes at all, not even the header of a capture.
    Empty {
        /// The file, or `standard input`.
        name: String,
    },
    /// The file ends in the middle of a record. What came before it was read.
    Cut {
        /// The file, or `standard input`.
        name: String,
        /// How many packets were read whole.
        after_packet: u64,
        /// Where the record that is cut begins, in bytes of the decompressed file, from 0.
        at_byte: u64,
    },
    /// The file contradicts itself or its format. What came before was read; where the next record would begin is not
    /// known, so nothing after it is.
    Corrupt {
        /// The file, or `standard input`.
        name: String,
        /// The number of the packet that was to be read, from 1.
        packet: u64,
        /// Where the record begins, in bytes of the decompressed file, from 0.
        at_byte: u64,
        /// What is wrong with it.
        why: Flaw,
    },
    /// The interface was deleted, or its network namespace ended, while it was read. What came before was given.
    Vanished {
        /// The interface as its namespace calls it.
        interface: String,
        /// The path of its network namespace; `None` is the program's own.
        namespace: Option<PathBuf>,
    },
    /// The kernel does not let this user capture, or enter the network namespace.
    NotPermitted {
        /// The interface as its namespace calls it.
        interface: String,
        /// The path of its network namespace; `None` is the program's own.
        namespace: Option<PathBuf>,
    },
    /// There is no such interface in the network namespace.
    NoInterface {
        /// The interface as it was asked for.
        interface: String,
        /// The path of the network namespace; `None` is the program's own.
        namespace: Option<PathBuf>,
        /// The interface there whose name is most like it.
        nearest: Option<String>,
    },
    /// There is an interface, but it was not up when it was opened.
    InterfaceDown {
        /// The interface as its namespace calls it.
        interface: String,
    },
    /// The network namespace is not there: its container has stopped.
    NoNamespace {
        /// The path as it was given.
        path: PathBuf,
    },
    /// The kernel does not let this user see or enter the network namespace.
    NotEntered {
        /// The path as it was given.
        path: PathBuf,
    },
    /// There is something at the path, but it cannot be entered as a network namespace.
    Namespace {
        /// The path as it was given.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The capture filter does not compile.
    Filter {
        /// The filter as it was given.
        filter: String,
        /// What libpcap said.
        why: String,
    },
    /// The interface refuses promiscuous mode.
    Promiscuous {
        /// The interface as its namespace calls it.
        interface: String,
        /// What libpcap said.
        why: String,
    },
    /// Capturing failed for another reason.
    Capture {
        /// The interface, or what else was asked of the kernel.
        interface: String,
        /// What libpcap or the system said.
        why: String,
    },
}

/// What a file that is no capture seems to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looks {
    /// Compressed by the tool of this name, which also decompresses it with `-d`.
    Compressed(&'static str),
    /// A capture in a format that other tools convert.
    Convertible(&'static str),
    /// Something else that is easy to tell.
    Like(&'static str),
    /// Nothing known.
    Unknown,
}

/// What is wrong with a corrupt record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The file's version is not one that was ever defined.
    Version,
    /// A packet claims more captured bytes than [`crate::capture::file::MAX_PACKET`].
    PacketTooLong(u32),
    /// A pcapng block is shorter than its fixed part.
    BlockTooShort(u32),
    /// A pcapng block that has to be read whole is longer than [`crate::capture::file::MAX_BLOCK`].
    BlockTooLong(u32),
    /// The length at the end of a pcapng block is not the one at its beginning.
    LengthsDiffer,
    /// A packet claims more bytes than its pcapng block has.
    BeyondBlock,
    /// A pcapng section does not begin with the byte-order magic.
    ByteOrder,
    /// A packet is of an interface that its pcapng section did not describe.
    UnknownInterface(u32),
    /// The gzip data does not decompress, or its checksum is wrong.
    Gzip,
}

impl Error {
    /// From the error that opening `path` gave.
    pub(super) fn opening(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound { path: path.to_owned(), nearest: nearest_file(path) },
            io::ErrorKind::PermissionDenied => Self::Permission { path: path.to_owned() },
            io::ErrorKind::IsADirectory => Self::IsDirectory { path: path.to_owned() },
            _ => Self::Io { name: path.to_string_lossy().into_owned(), source },
        }
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { path, nearest } => {
                write!(f, "{}: no such file", shown(path))?;
                nearest.as_ref().map_or(Ok(()), |near| write!(f, "; did you mean {}?", shown(near)))
            }
            Self::Permission { path } => write!(
                f,
                "{}: permission denied; a capture made with sudo belongs to root: give it to yourself with sudo chown, \
                 or read it with sudo",
                shown(path)
            ),
            Self::IsDirectory { path } => {
                let path = shown(path);
                write!(f, "{path}: is a directory; name the files in it, as in {}/*.pcap*", path.trim_end_matches('/'))
            }
            Self::Io { name, source } => write!(f, "{}: cannot be read: {source}", escaped(name)),
            Self::NotACapture { name, looks } => write!(f, "{}: not a pcap or pcapng file: {looks}", escaped(name)),
            Self::Empty { name } => {
                write!(f, "{}: empty, 0 bytes: the capture that should have written it never began", escaped(name))
            }
            Self::Cut { name, after_packet, at_byte } => cut(f, &escaped(name), *after_packet, *at_byte),
            Self::Corrupt { name, packet, at_byte, why } => write!(
                f,
                "{}: corrupt at packet {}, byte {}: {why}; {}",
                escaped(name),
                grouped(*packet),
                grouped(*at_byte),
                read_before(packet.saturating_sub(1))
            ),
            live => live.fmt_live(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } | Self::Namespace { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl Error {
    /// The errors of live capture.
    fn fmt_live(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vanished { interface, namespace } => {
                write!(f, "{}: the interface is gone{}", escaped(interface), within(namespace.as_deref()))
            }
            Self::NotPermitted { interface, namespace } => not_permitted(f, interface, namespace.as_deref()),
            Self::NoInterface { interface, namespace, nearest } => {
                write!(f, "{}: no such interface{}", escaped(interface), within(namespace.as_deref()))?;
                match nearest {
                    Some(near) => write!(f, "; did you mean {}?", escaped(near)),
                    None => f.write_str("; ip link shows those there are"),
                }
            }
            Self::InterfaceDown { interface } => {
                let name = escaped(interface);
                write!(f, "{name}: the interface is down; bring it up with: sudo ip link set {name} up")
            }
            Self::NoNamespace { path } => {
                write!(f, "{}: no such network namespace; its container has stopped", shown(path))
            }
            Self::NotEntered { path } => write!(
                f,
                "{}: no permission to enter this network namespace, which needs CAP_SYS_ADMIN and CAP_SYS_PTRACE, and \
                 CAP_NET_RAW to capture there; {SETCAP}",
                shown(path)
            ),
            Self::Namespace { path, source } => {
                write!(f, "{}: cannot be entered as a network namespace: {source}", shown(path))
            }
            Self::Filter { filter, why } => {
                write!(f, "capture filter '{}': {}; man pcap-filter has the syntax", escaped(filter), escaped(why))
            }
            Self::Promiscuous { interface, why } => write!(
                f,
                "{}: promiscuous mode refused: {}; without it only traffic of this host is seen",
                escaped(interface),
                escaped(why)
            ),
            Self::Capture { interface, why } => write!(f, "{}: cannot capture: {}", escaped(interface), escaped(why)),
            // The errors of files are written by `Display` itself.
            _ => Ok(()),
        }
    }
}

/// What gives a user all that capturing takes. `/run/docker` is root's alone, so others reach a container's namespace by
/// `/proc`, which asks for `CAP_SYS_PTRACE`.
const SETCAP: &str = "run sudo bridgetap …, or once: sudo setcap cap_net_raw,cap_net_admin,cap_sys_admin,cap_sys_ptrace+ep \
                      $(command -v bridgetap)";

fn not_permitted(f: &mut Formatter<'_>, interface: &str, namespace: Option<&Path>) -> fmt::Result {
    let needed = if namespace.is_some() { "CAP_NET_RAW, CAP_SYS_ADMIN and CAP_SYS_PTRACE" } else { "CAP_NET_RAW" };
    write!(f, "{}: no permission to capture{}, which needs {needed}; {SETCAP}", escaped(interface), within(namespace))
}

/// ` in /var/run/docker/netns/4f1c…`, or nothing for the program's own namespace.
fn within(namespace: Option<&Path>) -> String {
    namespace.map_or_else(String::new, |path| format!(" in {}", shown(path)))
}

impl Display for Looks {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compressed(tool) => write!(f, "it is compressed with {tool}; decompress it first, with {tool} -d"),
            Self::Convertible(what) => write!(f, "it is a {what} capture; convert it first, with editcap -F pcapng"),
            Self::Like(what) => write!(f, "it looks like {what}"),
            Self::Unknown => f.write_str("it begins with no magic number that is known"),
        }
    }
}

impl Display for Flaw {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version => f.write_str("the version of its format is not known"),
            Self::PacketTooLong(length) => {
                write!(f, "a packet of {} captured bytes is not believable", grouped(u64::from(*length)))
            }
            Self::BlockTooShort(length) => {
                write!(f, "a block of {} bytes is too short for what it is", grouped(u64::from(*length)))
            }
            Self::BlockTooLong(length) => {
                write!(f, "a block of {} bytes is not believable", grouped(u64::from(*length)))
            }
            Self::LengthsDiffer => f.write_str("the two lengths of a block differ"),
            Self::BeyondBlock => f.write_str("the packet is longer than its block"),
            Self::ByteOrder => f.write_str("a section has no byte-order magic"),
            Self::UnknownInterface(number) => write!(f, "interface {number} was not described before its packet"),
            Self::Gzip => f.write_str("the gzip data is damaged"),
        }
    }
}

fn cut(f: &mut Formatter<'_>, name: &str, after_packet: u64, at_byte: u64) -> fmt::Result {
    if at_byte == 0 {
        return write!(f, "{name}: cut short in its header; no packet was read");
    }
    let (packet, byte) = (grouped(after_packet.saturating_add(1)), grouped(at_byte));
    write!(f, "{name}: cut short in packet {packet} at byte {byte}; {}", read_before(after_packet))
}

/// `17 packets were read`.
fn read_before(packets: u64) -> String {
    match packets {
        0 => "no packet was read".to_owned(),
        1 => "1 packet was read".to_owned(),
        _ => format!("{} packets were read", grouped(packets)),
    }
}

/// A number with its digits in groups of three: `1,234`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

pub(super) fn shown(path: &Path) -> String {
    escaped(&path.to_string_lossy())
}

/// Without control characters, which would reach the terminal.
pub(super) fn escaped(name: &str) -> String {
    crate::hostile::escape(name).into_owned()
}

/// The file in the folder of `path` whose name is most like it, if any is like it.
///
/// Looks at no more than 10,000 names, so that a huge folder does not delay the message.
fn nearest_file(path: &Path) -> Option<PathBuf> {
    const LIKE_ENOUGH: f64 = 0.8;
    let wanted = path.file_name()?.to_string_lossy();
    let folder = path.parent()?;
    let listed = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut best: Option<(f64, std::ffi::OsString)> = None;
    for entry in std::fs::read_dir(listed).ok()?.take(10_000).flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let name = entry.file_name();
        let like = strsim::jaro_winkler(&wanted, &name.to_string_lossy());
        // The order of a folder is not stable: of two alike the first by name wins.
        let better = best.as_ref().is_none_or(|(score, other)| like > *score || (like >= *score && name < *other));
        if like >= LIKE_ENOUGH && better {
            best = Some((like, name));
        }
    }
    best.map(|(_, name)| folder.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_says_where_and_what_was_read() {
        let error = Error::Cut { name: "a.pcap".into(), after_packet: 17, at_byte: 1234 };
        assert_eq!(error.to_string(), "a.pcap: cut short in packet 18 at byte 1,234; 17 packets were read");
        let error = Error::Cut { name: "a.pcap".into(), after_packet: 0, at_byte: 0 };
        assert_eq!(error.to_string(), "a.pcap: cut short in its header; no packet was read");
    }

    #[test]
    fn corrupt_says_why() {
        let why = Flaw::PacketTooLong(4_000_000_000);
        let error = Error::Corrupt { name: "a".into(), packet: 2, at_byte: 24, why };
        let text = "a: corrupt at packet 2, byte 24: a packet of 4,000,000,000 captured bytes is not believable; \
                    1 packet was read";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn a_name_like_it_is_proposed() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["ping-by-name.pcapng", "published-port.pcapng", "README.md"] {
            std::fs::write(folder.path().join(name), b"").unwrap();
        }
        let error = Error::opening(&folder.path().join("ping-by-nam.pcap"), io::ErrorKind::NotFound.into());
        let near = folder.path().join("ping-by-name.pcapng");
        assert!(error.to_string().ends_with(&format!("no such file; did you mean {}?", near.display())), "{error}");
        let error = Error::opening(&folder.path().join("zzz"), io::ErrorKind::NotFound.into());
        assert!(error.to_string().ends_with("zzz: no such file"), "{error}");
    }

    #[test]
    fn permission_has_a_remedy() {
        let error = Error::opening(Path::new("root.pcap"), io::ErrorKind::PermissionDenied.into());
        assert!(error.to_string().starts_with("root.pcap: permission denied;"), "{error}");
        assert!(error.to_string().contains("sudo chown"), "{error}");
    }

    #[test]
    fn names_do_not_reach_the_terminal_raw() {
        let error = Error::Empty { name: "a\u{1b}[2J.pcap".into() };
        assert!(!error.to_string().contains('\u{1b}'), "{error}");
    }

    #[test]
    fn live_errors_have_a_remedy() {
        let error = Error::NotPermitted { interface: "docker0".into(), namespace: None };
        let text = "docker0: no permission to capture, which needs CAP_NET_RAW; run sudo bridgetap …, or once: sudo \
                    setcap cap_net_raw,cap_net_admin,cap_sys_admin,cap_sys_ptrace+ep $(command -v bridgetap)";
        assert_eq!(error.to_string(), text);
        let error = Error::NotPermitted { interface: "lo".into(), namespace: Some("/run/netns/a".into()) };
        let text = "lo: no permission to capture in /run/netns/a, which needs CAP_NET_RAW, CAP_SYS_ADMIN and \
                    CAP_SYS_PTRACE; run sudo";
        assert!(error.to_string().starts_with(text), "{error}");
        let error = Error::NotEntered { path: "/proc/7/ns/net".into() };
        assert!(error.to_string().starts_with("/proc/7/ns/net: no permission to enter"), "{error}");
        assert!(error.to_string().contains("CAP_SYS_ADMIN") && error.to_string().contains("sudo setcap"), "{error}");
        let error =
            Error::NoInterface { interface: "docker1".into(), namespace: None, nearest: Some("docker0".into()) };
        assert_eq!(error.to_string(), "docker1: no such interface; did you mean docker0?");
        let error = Error::Vanished { interface: "a\u{1b}".into(), namespace: None };
        assert_eq!(error.to_string(), "a\\u{1b}: the interface is gone");
    }

    #[test]
    fn digits_are_grouped() {
        let shown = [0, 12, 123, 1234, 1_234_567].map(grouped);
        assert_eq!(shown, ["0", "12", "123", "1,234", "1,234,567"]);
    }
}
