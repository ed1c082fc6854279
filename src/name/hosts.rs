//! Files of the form of hosts(5): an address and its names on each line.

use std::net::IpAddr;

use super::AddressNames;
use super::address_names::MAX_NAMES;

/// Most bytes that a file may have.
pub const MAX_BYTES: usize = 16 << 20;
/// Longest name, in bytes: the longest that a lookup could ask for (RFC 1035, 3.1).
const MAX_NAME: usize = 255;
/// The most characters of a wrong word that are shown.
const SHOWN: usize = 64;

/// Why a file's names cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostsError {
    /// The number of the line, from 1; none where it is about the whole file.
    pub line: Option<usize>,
    /// What is wrong with it.
    pub what: String,
}

/// Reads a file's bytes and adds its names to `names`. An address that has names already gets more of them.
///
/// # Errors
/// The first line that is wrong.
pub fn read_hosts(bytes: &[u8], names: &mut AddressNames) -> Result<(), HostsError> {
    if bytes.len() > MAX_BYTES {
        let what = format!("has {} bytes, and at most {MAX_BYTES} are read", bytes.len());
        return Err(HostsError { line: None, what });
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let wrong = |what| HostsError { line: Some(index + 1), what };
        let line = std::str::from_utf8(line).map_err(|_| wrong("this is no text in UTF-8".to_owned()))?;
        read_line(line, names).map_err(wrong)?;
    }
    Ok(())
}

fn read_line(line: &str, names: &mut AddressNames) -> Result<(), String> {
    let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
    let Some(word) = words.next() else { return Ok(()) };
    // The zone of a link-local address is the name of an interface of the machine that the file is of.
    let parsed = word.split('%').next().unwrap_or_default().parse();
    let address: IpAddr = parsed.map_err(|_| {
        format!("{:?} is not an IP address; a line is an address and its names: 172.18.0.2 web", shown(word))
    })?;
    let mut words = words.peekable();
    if words.peek().is_none() {
        return Err(format!("there is no name behind {address}"));
    }
    for name in words {
        if name.len() > MAX_NAME {
            return Err(format!("{:?}… has {} bytes, and a name has at most {MAX_NAME}", shown(name), name.len()));
        }
        if !names.add(address, name) {
            return Err(format!("there are more than {MAX_NAMES} names"));
        }
    }
    Ok(())
}

fn shown(word: &str) -> String {
    word.chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<String>, HostsError> {
        let mut names = AddressNames::default();
        read_hosts(bytes, &mut names)?;
        Ok(names.sorted().iter().map(|(address, names)| format!("{address} {}", names.join(" "))).collect())
    }

    #[test]
    fn lines_as_hosts_has_them() {
        let file = "\u{feff}# the lab\n\n172.18.0.2\tweb  www # its aliases\r\n  fd00::2 web\n172.18.0.2 again web\nfe80::1%eth0 gate";
        assert_eq!(read(file.as_bytes()).unwrap(), ["172.18.0.2 web www again", "fd00::2 web", "fe80::1 gate"]);
        assert_eq!(read(b"").unwrap(), [""; 0]);
    }

    #[test]
    fn a_bad_line_is_named() {
        let long = format!("10.0.0.1 {}", "x".repeat(256));
        for (file, line, what) in [
            (&b"10.0.0.1 a\nweb 10.0.0.2\n"[..], 2, "\"web\" is not an IP address; a line is an address and its names"),
            (b"10.0.0.1 a\n\n10.0.0.2\n", 3, "there is no name behind 10.0.0.2"),
            (b"10.0.0.1 # a", 1, "there is no name behind 10.0.0.1"),
            (b"10.0.0.1/8 net", 1, "\"10.0.0.1/8\" is not an IP address"),
            (b"10.0.0.256 a", 1, "is not an IP address"),
            (b"10.0.0.1 a\n\x1b[2J b", 2, "is not an IP address"),
            (b"10.0.0.1 \xff", 1, "this is no text in UTF-8"),
            (b"\xff\xfe1\x00", 1, "this is no text in UTF-8"),
            (long.as_bytes(), 1, "has 256 bytes, and a name has at most 255"),
        ] {
            let error = read(file).unwrap_err();
            assert_eq!(error.line, Some(line), "{error:?}");
            assert!(error.what.contains(what), "{error:?}");
        }
        let error = read(&vec![b' '; MAX_BYTES + 1]).unwrap_err();
        assert_eq!((error.line, error.what.as_str()), (None, "has 16777217 bytes, and at most 16777216 are read"));
    }
}
