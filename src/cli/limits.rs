//! How much is remembered, where that is to be another number than the default.

use clap::Args;

/// What has a cap of its own; docs/limits.md says what is lost there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cap {
    /// Connections of DNS over TCP that are read at once.
    Streams,
    /// Packets whose fragments are put together at once.
    Fragments,
    /// Interfaces whose node in an overlay network is known.
    Nodes,
    /// Addresses that keep the name of their lookup, and for each four pairs of a client and an address.
    Names,
    /// Names of addresses that a capture file tells.
    Addresses,
    /// Events that wait for their copies, and as many places that told ones were seen at.
    Copies,
    /// Interfaces of a capture file.
    Interfaces,
    /// Segments that wait for their acknowledgements, where connections are measured.
    Segments,
}

impl Cap {
    /// All of them, in the order of the help.
    pub const ALL: [Self; 8] = [
        Self::Streams,
        Self::Fragments,
        Self::Nodes,
        Self::Names,
        Self::Addresses,
        Self::Copies,
        Self::Interfaces,
        Self::Segments,
    ];

    /// As it is typed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Streams => "streams",
            Self::Fragments => "fragments",
            Self::Nodes => "nodes",
            Self::Names => "names",
            Self::Addresses => "addresses",
            Self::Copies => "copies",
            Self::Interfaces => "interfaces",
            Self::Segments => "segments",
        }
    }

    /// The greatest number. Interfaces are numbered within their file.
    pub const fn most(self) -> u32 {
        match self {
            Self::Interfaces => 65_536,
            _ => 16_777_216,
        }
    }
}

/// Further caps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct Caps {
    /// Another cap, several with commas between them: streams, fragments, nodes, names, addresses, copies, interfaces or
    /// segments; docs/limits.md has the defaults, and what is lost there.
    #[arg(long = "limit", value_name = "NAME=NUMBER", value_delimiter = ',', value_parser = cap)]
    pub limits: Vec<(Cap, u32)>,
}

impl Caps {
    /// What was typed for a cap, last; else the default.
    pub fn get(&self, cap: Cap, default: usize) -> usize {
        let typed = self.limits.iter().rev().find(|(typed, _)| *typed == cap);
        typed.map_or(default, |(_, number)| *number as usize)
    }
}

/// Reads `streams=1000`.
fn cap(text: &str) -> Result<(Cap, u32), String> {
    let names = || Cap::ALL.map(Cap::name).join(", ");
    let Some((name, number)) = text.split_once('=') else {
        return Err(format!("write a name, = and a number; the names are {}", names()));
    };
    let Some(cap) = Cap::ALL.into_iter().find(|cap| cap.name() == name) else {
        return Err(format!("there is no limit of that name; there are {}", names()));
    };
    match number.parse() {
        Ok(number) if (1..=cap.most()).contains(&number) => Ok((cap, number)),
        _ => Err(format!("{name} takes a number from 1 to {}", cap.most())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caps_are_read_and_the_last_counts() {
        assert_eq!(cap("streams=1000"), Ok((Cap::Streams, 1000)));
        let caps = Caps { limits: vec![(Cap::Names, 5), (Cap::Names, 7)] };
        assert_eq!((caps.get(Cap::Names, 1), caps.get(Cap::Nodes, 9)), (7, 9));
        for (wrong, says) in [
            ("streams", "write a name"),
            ("=5", "no limit of that name"),
            ("flow=5", "no limit of that name; there are streams, fragments, nodes"),
            ("nodes=0", "from 1 to"),
            ("nodes=x", "from 1 to"),
            ("interfaces=65537", "from 1 to 65536"),
        ] {
            let error = cap(wrong).unwrap_err();
            assert!(error.contains(says), "{wrong}: {error}");
        }
        assert!(Cap::ALL.iter().all(|known| cap(&format!("{}={}", known.name(), known.most())).is_ok()));
    }
}
