//! What the kernel told beside packets, as a capture file keeps it: without it, a replay would know less than the live log.
//!
//! Everything is told at once or in parts: lists of sockets and interfaces replace the ones before, connections are added.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{Protocol, Reached, State, Translation, Tuple};
use crate::time::Timestamp;

/// The version that is read and written.
pub const VERSION: u64 = 1;
/// How it begins; so a reader knows it from the Directory.
pub const BEGINS: &str = "{\"bridgetap_host\"";
/// Most entries of each list that are read.
const MAX_ENTRIES: usize = 65_536;

/// What the kernel told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The host's interfaces by their index: a port of a bridge by the bridge's name. Nothing where there is no news.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interfaces: Option<BTreeMap<u32, String>>,
    /// Whose the sockets of containers on the host's network are. Nothing where there is no news.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sockets: Option<Vec<KeptSocket>>,
    /// Interfaces of the file that are called otherwise by now: a container was renamed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taps: Vec<KeptTap>,
    /// Connections that were translated, or are no more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub translated: Vec<KeptTranslation>,
    /// Connections that docker-proxy may have opened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proxied: Vec<KeptProxied>,
}

/// A socket of the host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KeptSocket {
    /// Its protocol.
    pub protocol: KeptProtocol,
    /// Its own address and port.
    pub local: SocketAddr,
    /// The id of the container whose process has it; nothing where it is no container's.
    pub container: Option<String>,
}

/// An interface of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptTap {
    /// Its number in the file, from 0.
    pub interface: u32,
    /// The Docker network that it carries.
    pub network: Option<String>,
    /// The container in whose namespace it is.
    pub namespace: Option<String>,
}

/// A connection as connection tracking has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptTranslation {
    protocol: KeptProtocol,
    /// In nanoseconds since the epoch.
    at: u64,
    state: KeptState,
    /// The client, and what it asked for.
    original: [SocketAddr; 2],
    /// Who answers, and to whom.
    reply: [SocketAddr; 2],
}

/// What docker-proxy's sockets told of a connection to a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptProxied {
    protocol: KeptProtocol,
    /// The connection as the bridge shows it: from the gateway, to the container.
    inside: [SocketAddr; 2],
    /// Where docker-proxy listens; nothing where another process of the host opened the connection.
    host: Option<SocketAddr>,
    /// The client's connection to docker-proxy, where it is certain.
    outside: Option<[SocketAddr; 2]>,
}

/// A transport protocol by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeptProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP.
    Icmp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KeptState {
    Listed,
    New,
    Destroyed,
}

/// Why a text is not what the kernel told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeptError {
    /// Not JSON, or not of this form.
    Malformed(String),
    /// Of another version than [`VERSION`].
    Version(u64),
    /// More entries than are read.
    TooMany(usize),
}

impl fmt::Display for KeptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(detail) => write!(f, "what the kernel told cannot be read: {detail}"),
            Self::Version(found) => write!(
                f,
                "what the kernel told has format version {found}, and this bridgetap reads version {VERSION}: use a newer one"
            ),
            Self::TooMany(count) => write!(f, "the kernel told of {count} things, and at most {MAX_ENTRIES} are read"),
        }
    }
}

impl std::error::Error for KeptError {}

impl Kept {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// How many entries its longest list has.
    fn longest(&self) -> usize {
        let maps = [self.interfaces.as_ref().map_or(0, BTreeMap::len), self.sockets.as_ref().map_or(0, Vec::len)];
        let lists = [self.taps.len(), self.translated.len(), self.proxied.len()];
        maps.into_iter().chain(lists).max().unwrap_or(0)
    }

    /// On one line.
    pub fn write(&self) -> String {
        #[derive(Serialize)]
        struct Versioned<'a> {
            bridgetap_host: u64,
            #[serde(flatten)]
            kept: &'a Kept,
        }
        // Writing strings and numbers to memory cannot fail; an empty text is no block of ours.
        crate::hostile::json(&Versioned { bridgetap_host: VERSION, kept: self })
    }

    /// Reads what was written.
    ///
    /// # Errors
    /// It is of another form or version, or longer than anything that was.
    pub fn read(text: &str) -> Result<Self, KeptError> {
        #[derive(Deserialize)]
        struct VersionOnly {
            bridgetap_host: u64,
        }
        let malformed = |error: serde_json::Error| KeptError::Malformed(error.to_string());
        // The version first: of another one, nothing else need be as it is here.
        let VersionOnly { bridgetap_host } = serde_json::from_str(text).map_err(malformed)?;
        if bridgetap_host != VERSION {
            return Err(KeptError::Version(bridgetap_host));
        }
        let kept: Self = serde_json::from_str(text).map_err(malformed)?;
        match kept.longest() {
            longest if longest > MAX_ENTRIES => Err(KeptError::TooMany(longest)),
            _ => Ok(kept),
        }
    }
}

impl From<Protocol> for KeptProtocol {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Tcp => Self::Tcp,
            Protocol::Udp => Self::Udp,
            Protocol::Icmp => Self::Icmp,
        }
    }
}

impl From<KeptProtocol> for Protocol {
    fn from(protocol: KeptProtocol) -> Self {
        match protocol {
            KeptProtocol::Tcp => Self::Tcp,
            KeptProtocol::Udp => Self::Udp,
            KeptProtocol::Icmp => Self::Icmp,
        }
    }
}

impl From<&Translation> for KeptTranslation {
    fn from(translation: &Translation) -> Self {
        let state = match translation.state {
            State::Listed => KeptState::Listed,
            State::New => KeptState::New,
            State::Destroyed => KeptState::Destroyed,
        };
        let Translation { protocol, at, original, reply, .. } = *translation;
        Self { protocol: protocol.into(), at: at.as_nanos(), state, original: ends(original), reply: ends(reply) }
    }
}

impl From<&KeptTranslation> for Translation {
    fn from(kept: &KeptTranslation) -> Self {
        let state = match kept.state {
            KeptState::Listed => State::Listed,
            KeptState::New => State::New,
            KeptState::Destroyed => State::Destroyed,
        };
        Self {
            protocol: kept.protocol.into(),
            original: tuple(kept.original),
            reply: tuple(kept.reply),
            at: Timestamp::from_nanos(kept.at),
            state,
        }
    }
}

impl KeptProxied {
    /// What was found out of a connection; nothing where nothing was.
    pub fn of(protocol: Protocol, inside: Tuple, reached: Reached) -> Option<Self> {
        let (host, outside) = match reached {
            Reached::Published { host, outside } => (Some(host), outside.map(ends)),
            Reached::Direct => (None, None),
            Reached::Gone => return None,
        };
        Some(Self { protocol: protocol.into(), inside: ends(inside), host, outside })
    }

    /// The connection, and what is known of it.
    pub fn read(&self) -> (Protocol, Tuple, Reached) {
        let reached = match self.host {
            Some(host) => Reached::Published { host, outside: self.outside.map(tuple) },
            None => Reached::Direct,
        };
        (self.protocol.into(), tuple(self.inside), reached)
    }
}

const fn ends(tuple: Tuple) -> [SocketAddr; 2] {
    [tuple.source, tuple.destination]
}

const fn tuple([source, destination]: [SocketAddr; 2]) -> Tuple {
    Tuple { source, destination }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tuple_of(source: &str, destination: &str) -> Tuple {
        Tuple { source: source.parse().unwrap(), destination: destination.parse().unwrap() }
    }

    #[test]
    fn what_was_kept_is_read_again() {
        let translation = Translation {
            protocol: Protocol::Tcp,
            original: tuple_of("10.88.0.2:4000", "10.88.0.1:8080"),
            reply: tuple_of("172.17.0.2:5000", "10.88.0.2:4000"),
            at: Timestamp::from_nanos(1_795_255_205_000_000_007),
            state: State::New,
        };
        let inside = tuple_of("172.17.0.1:3000", "172.17.0.2:5000");
        let host = "[::]:8080".parse().unwrap();
        let outside = Some(tuple_of("[::1]:9", "[::1]:8080"));
        let mut kept = Kept::default();
        assert!(kept.is_empty());
        kept.interfaces = Some([(3, "docker0".to_owned())].into());
        let local = "0.0.0.0:9090".parse().unwrap();
        kept.sockets = Some(vec![KeptSocket { protocol: KeptProtocol::Udp, local, container: Some("ab".into()) }]);
        kept.taps = vec![KeptTap { interface: 2, network: None, namespace: Some("new".into()) }];
        kept.translated = vec![(&translation).into()];
        for reached in
            [Reached::Published { host, outside }, Reached::Published { host, outside: None }, Reached::Direct]
        {
            let proxied = KeptProxied::of(Protocol::Tcp, inside, reached).unwrap();
            assert_eq!(proxied.read(), (Protocol::Tcp, inside, reached));
            kept.proxied.push(proxied);
        }
        assert_eq!(KeptProxied::of(Protocol::Tcp, inside, Reached::Gone), None);
        let text = kept.write();
        assert!(text.starts_with(BEGINS), "{text}");
        let read = Kept::read(&text).unwrap();
        assert_eq!(read, kept);
        assert_eq!(Translation::from(&read.translated[0]), translation);
    }

    #[test]
    fn what_is_something_else_is_refused() {
        assert_eq!(Kept::read("{\"bridgetap_host\":2,\"sockets\":7}"), Err(KeptError::Version(2)));
        assert!(KeptError::Version(2).to_string().contains("version 2"));
        assert!(matches!(Kept::read("{\"bridgetap_host\":1,\"sockets\":7}"), Err(KeptError::Malformed(_))));
        assert!(Kept::read("{\"bridgetap_host\":1,\"later\":7}").is_ok());
        let many = vec![KeptTap { interface: 0, network: None, namespace: None }; MAX_ENTRIES + 1];
        let text = Kept { taps: many, ..Kept::default() }.write();
        assert_eq!(Kept::read(&text), Err(KeptError::TooMany(MAX_ENTRIES + 1)));
    }
}
