//! The keywords of pcap-filter(7), and what follows each.

use super::expression::Family;

/// What a keyword is to the words after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keyword {
    /// A protocol: a term by itself, or the beginning of one.
    Protocol(Family),
    /// `src`, `dst` and the like.
    Direction(Family),
    /// `host`
    Host,
    /// `net`
    Net,
    /// `service`, which only bridgetap has.
    Service,
    /// `port`, `portrange`
    Port,
    /// The word after it is no host: `proto tcp`, `ifname eth0`.
    TakesWord,
    /// `gateway`, which would ask the resolver.
    Gateway,
    /// A term, or a number by another name.
    Alone,
}

/// What the word is, if it is a keyword.
pub(super) fn keyword(word: &str) -> Option<Keyword> {
    Some(match word {
        "ip" | "arp" | "rarp" => Keyword::Protocol(Family::V4),
        "ip6" => Keyword::Protocol(Family::V6),
        "ether" | "link" | "fddi" | "tr" | "wlan" | "ppp" | "slip" => Keyword::Protocol(Family::Ether),
        "src" | "dst" => Keyword::Direction(Family::Any),
        "ra" | "ta" | "addr1" | "addr2" | "addr3" | "addr4" => Keyword::Direction(Family::Ether),
        "address1" | "address2" | "address3" | "address4" => Keyword::Direction(Family::Ether),
        "host" => Keyword::Host,
        "net" => Keyword::Net,
        "service" => Keyword::Service,
        "port" | "portrange" => Keyword::Port,
        "gateway" => Keyword::Gateway,
        _ if PROTOCOLS.contains(&word) => Keyword::Protocol(Family::Any),
        _ if TAKE_WORDS.contains(&word) => Keyword::TakesWord,
        _ if ALONE.contains(&word) => Keyword::Alone,
        _ => return None,
    })
}

/// The keywords that one that was mistyped is probably meant to be.
pub(super) const COMMON: &[&str] = &[
    "host",
    "net",
    "service",
    "port",
    "portrange",
    "src",
    "dst",
    "and",
    "or",
    "not",
    "tcp",
    "udp",
    "icmp",
    "icmp6",
    "arp",
    "ip",
    "ip6",
    "ether",
    "proto",
    "vlan",
    "broadcast",
    "multicast",
    "greater",
    "less",
];

const PROTOCOLS: &[&str] = &[
    "tcp", "udp", "sctp", "icmp", "icmp6", "igmp", "igrp", "pim", "vrrp", "carp", "ah", "esp", "atalk", "aarp",
    "decnet", "lat", "sca", "moprc", "mopdl", "iso", "esis", "es-is", "isis", "is-is", "clnp", "stp", "ipx", "netbeui",
    "l1", "l2", "iih", "lsp", "snp", "csnp", "psnp", "radio",
];

const TAKE_WORDS: &[&str] = &[
    "proto",
    "protochain",
    "less",
    "greater",
    "byte",
    "on",
    "ifname",
    "rnr",
    "rulenum",
    "srnr",
    "subrulenum",
    "rset",
    "ruleset",
    "reason",
    "action",
    "type",
    "subtype",
    "dir",
    "direction",
    "vlan",
    "mpls",
    "pppoed",
    "pppoes",
    "geneve",
    "llc",
    "vpi",
    "vci",
    "sio",
    "opc",
    "dpc",
    "sls",
    "hsio",
    "hopc",
    "hdpc",
    "hsls",
];

const ALONE: &[&str] = &[
    "broadcast",
    "multicast",
    "inbound",
    "outbound",
    "len",
    "length",
    "lane",
    "metac",
    "bcc",
    "sc",
    "ilmic",
    "oam",
    "oamf4",
    "oamf4ec",
    "oamf4sc",
    "connectmsg",
    "metaconnect",
    "fisu",
    "lssu",
    "lsu",
    "msu",
    "hfisu",
    "hlssu",
    "hmsu",
    "icmptype",
    "icmpcode",
    "icmp-echoreply",
    "icmp-unreach",
    "icmp-sourcequench",
    "icmp-redirect",
    "icmp-echo",
    "icmp-routeradvert",
    "icmp-routersolicit",
    "icmp-timxceed",
    "icmp-paramprob",
    "icmp-tstamp",
    "icmp-tstampreply",
    "icmp-ireq",
    "icmp-ireqreply",
    "icmp-maskreq",
    "icmp-maskreply",
    "icmp6type",
    "icmp6code",
    "icmp6-echo",
    "icmp6-echoreply",
    "icmp6-multicastlistenerquery",
    "icmp6-multicastlistenerreportv1",
    "icmp6-multicastlistenerdone",
    "icmp6-routersolicit",
    "icmp6-routeradvert",
    "icmp6-neighborsolicit",
    "icmp6-neighboradvert",
    "icmp6-redirect",
    "icmp6-routerrenum",
    "icmp6-nodeinformationquery",
    "icmp6-nodeinformationresponse",
    "icmp6-ineighbordiscoverysolicit",
    "icmp6-ineighbordiscoveryadvert",
    "icmp6-multicastlistenerreportv2",
    "icmp6-homeagentdiscoveryrequest",
    "icmp6-homeagentdiscoveryreply",
    "icmp6-mobileprefixsolicit",
    "icmp6-mobileprefixadvert",
    "icmp6-certpathsolicit",
    "icmp6-certpathadvert",
    "icmp6-multicastrouteradvert",
    "icmp6-multicastroutersolicit",
    "icmp6-multicastrouterterm",
    "icmp6-destinationunreach",
    "icmp6-packettoobig",
    "icmp6-timeexceeded",
    "icmp6-parameterproblem",
    "tcpflags",
    "tcp-fin",
    "tcp-syn",
    "tcp-rst",
    "tcp-push",
    "tcp-ack",
    "tcp-urg",
    "tcp-ece",
    "tcp-cwr",
    "mask",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{LinkType, bpf};

    #[test]
    fn every_keyword_is_libpcaps_too() {
        let others = ["ip", "ip6", "ether", "wlan", "src", "host", "net", "port", "gateway"];
        for word in PROTOCOLS.iter().chain(TAKE_WORDS).chain(ALONE).chain(&others) {
            assert!(keyword(word).is_some());
            // What libpcap does not know is a name to it, which its resolver does not know either.
            let why = bpf::check(&format!("src host {word}"), LinkType::ETHERNET).err().unwrap_or_default();
            assert!(!why.contains("unknown"), "{word}: {why}");
        }
    }
}
