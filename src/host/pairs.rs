//! Which connection that a docker-proxy accepted belongs to which that it opened.
//!
//! The kernel does not know. What was measured and is *no* evidence: the order of descriptors and of inodes, which both
//! disagree with the truth as soon as connections are opened at once (see `docs/published-ports.md`). What is:
//!
//! - docker-proxy closes a client's connection only after it has closed its own to the container. So while one is open to
//!   the container, its other side is among those that were accepted; where there is only one whose partner is not
//!   known, that is it.
//! - What is known stays known, so that connections which are opened one after the other are all told.
//! - Of several, the bytes: when nothing is on the way, what came in on one side has gone out on the other. Only where
//!   all of them come out even, and only those whose numbers nobody else has.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use ahash::{AHashMap, AHashSet};

use super::diag::{Diag, ESTABLISHED, Family, Found, LISTEN, Question, SYN_SENT, WITH_PROCESS};
use super::docker_proxy::DockerProxy;
use super::processes::Processes;
use super::{Error, Protocol, Reached, Tuple};

/// How often a look is repeated when sockets came and went meanwhile.
const LOOKS: usize = 3;

/// The pairs that are certain, by the inode of the socket to the container.
#[derive(Default)]
pub(super) struct Pairs(AHashMap<u32, Pair>);

struct Pair {
    proxy: DockerProxy,
    /// The gateway's address and port.
    inside: SocketAddr,
    outside_inode: u32,
    outside: Tuple,
}

/// The connections of one docker-proxy at one moment.
#[derive(Debug, PartialEq, Eq)]
struct Look {
    accepted: Vec<Found>,
    opened: Vec<Found>,
    /// Sockets that are neither, or in no state: one is being made or closed just now.
    others: usize,
}

impl Pairs {
    /// Forgets what belongs to processes that are not there any more.
    pub(super) fn retain(&mut self, is_there: impl Fn(u32) -> bool) {
        self.0.retain(|_, pair| is_there(pair.proxy.process));
    }

    /// What is certain already of docker-proxy's socket to the container.
    pub(super) fn known(&self, inside: &Found) -> Option<Reached> {
        let pair = self.0.get(&inside.inode).filter(|pair| pair.inside == inside.local)?;
        Some(Reached::Published { host: pair.proxy.host, outside: Some(pair.outside) })
    }

    /// The client's connection to docker-proxy that led to its socket `inside`, from the client's side. `own` are the
    /// inodes of the process's sockets a moment ago.
    pub(super) fn find(
        &mut self,
        diag: &mut Diag,
        processes: &Processes,
        proxy: &DockerProxy,
        own: AHashSet<u32>,
        inside: &Found,
    ) -> Result<Option<Tuple>, Error> {
        let Some((first, own)) = look(diag, processes, proxy, own)? else { return Ok(None) };
        self.forget_closed(proxy.process, &first);
        let rest = self.unpaired(&first);
        let mut found = pair_last(&rest);
        if found.is_empty() {
            found = pair_by_bytes(&rest);
            // Nothing may have moved: sockets are not all looked at in the same moment.
            if !found.is_empty() && look(diag, processes, proxy, own)?.is_none_or(|(second, _)| second != first) {
                found.clear();
            }
        }
        for (opened, accepted) in found {
            // From docker-proxy's side the client is the remote end.
            let outside = Tuple { source: accepted.remote, destination: accepted.local };
            let pair = Pair { proxy: *proxy, inside: opened.local, outside_inode: accepted.inode, outside };
            self.0.insert(opened.inode, pair);
        }
        Ok(self.0.get(&inside.inode).map(|pair| pair.outside))
    }

    fn forget_closed(&mut self, process: u32, look: &Look) {
        let open: AHashSet<_> = look.accepted.iter().chain(&look.opened).map(|found| found.inode).collect();
        self.0.retain(|inside, pair| {
            pair.proxy.process != process || open.contains(inside) && open.contains(&pair.outside_inode)
        });
    }

    fn unpaired(&self, look: &Look) -> Look {
        let taken: AHashSet<_> = self.0.values().map(|pair| pair.outside_inode).collect();
        Look {
            accepted: look.accepted.iter().filter(|found| !taken.contains(&found.inode)).copied().collect(),
            opened: look.opened.iter().filter(|found| !self.0.contains_key(&found.inode)).copied().collect(),
            others: look.others,
        }
    }
}

/// The connections of a process and its sockets, which were `own` a moment ago. `None` where some came or went each time.
fn look(
    diag: &mut Diag,
    processes: &Processes,
    proxy: &DockerProxy,
    mut own: AHashSet<u32>,
) -> Result<Option<(Look, AHashSet<u32>)>, Error> {
    let question = |family, local_port, remote_port| Question {
        protocol: Protocol::Tcp,
        family,
        states: WITH_PROCESS,
        local_port,
        remote_port,
    };
    for _ in 0..LOOKS {
        let mut all = diag.sockets(&question(Family::of(proxy.container.ip()), 0, proxy.container.port()))?;
        all.retain(|found| found.remote == proxy.container);
        let to_container = all.len();
        for family in Family::BOTH {
            all.extend(diag.sockets(&question(family, proxy.host.port(), 0))?);
        }
        let Ok(now) = processes.sockets(proxy.process) else { return Ok(None) };
        if now == own {
            return Ok(Some((sorted(&all, to_container, &own), own)));
        }
        own = now;
    }
    Ok(None)
}

/// The process's sockets among all that were found, of which the first so many lead to the container.
fn sorted(all: &[Found], to_container: usize, own: &AHashSet<u32>) -> Look {
    let mut rest = own.clone();
    let mut look = Look { accepted: Vec::new(), opened: Vec::new(), others: 0 };
    for (at, found) in all.iter().enumerate() {
        // A socket that leads to the container and has the published port by chance is told twice.
        if !rest.remove(&found.inode) || found.state == LISTEN {
            continue;
        }
        let side = if at < to_container { &mut look.opened } else { &mut look.accepted };
        side.push(*found);
    }
    look.others = rest.len();
    // The kernel's order changes with its table.
    look.accepted.sort_unstable_by_key(|found| found.inode);
    look.opened.sort_unstable_by_key(|found| found.inode);
    look
}

/// Whether every connection to the container is one that docker-proxy still copies, with its other side among those that
/// were accepted.
fn is_settled(look: &Look) -> bool {
    look.others == 0
        && look.accepted.len() == look.opened.len()
        && look.opened.iter().all(|found| matches!(found.state, ESTABLISHED | SYN_SENT))
}

/// The only two whose partners are not known.
fn pair_last(look: &Look) -> Vec<(Found, Found)> {
    match (&look.opened[..], &look.accepted[..]) {
        ([opened], [accepted]) if is_settled(look) => vec![(*opened, *accepted)],
        _ => Vec::new(),
    }
}

/// Those whose bytes nobody else has, of a moment in which nothing was on the way.
fn pair_by_bytes(look: &Look) -> Vec<(Found, Found)> {
    let all = || look.accepted.iter().chain(&look.opened);
    if !is_settled(look) || !all().all(|found| found.state == ESTABLISHED && found.queued == (0, 0)) {
        return Vec::new();
    }
    let mut sides: BTreeMap<_, (Vec<Found>, Vec<Found>)> = BTreeMap::new();
    for found in &look.opened {
        let Some((received, sent)) = found.bytes else { return Vec::new() };
        sides.entry((sent, received)).or_default().0.push(*found);
    }
    for found in &look.accepted {
        let Some(bytes) = found.bytes else { return Vec::new() };
        sides.entry(bytes).or_default().1.push(*found);
    }
    if sides.values().any(|(opened, accepted)| opened.len() != accepted.len()) {
        return Vec::new();
    }
    let alone = sides.into_values().filter_map(|(opened, accepted)| match (&opened[..], &accepted[..]) {
        ([opened], [accepted]) => Some((*opened, *accepted)),
        _ => None,
    });
    alone.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A socket of docker-proxy, by its inode, with bytes received and sent.
    fn socket(inode: u32, state: u8, bytes: (u64, u64)) -> Found {
        let address = "127.0.0.1:1".parse().unwrap();
        let bytes = Some(bytes);
        Found { local: address, remote: address, state, inode, queued: (0, 0), bytes, is_dual: false }
    }

    type Bytes = (u64, u64);

    fn look(accepted: &[(u32, Bytes)], opened: &[(u32, Bytes)]) -> Look {
        let established = |(inode, bytes): &(u32, Bytes)| socket(*inode, ESTABLISHED, *bytes);
        let [accepted, opened] = [accepted, opened].map(|side| side.iter().map(established).collect());
        Look { accepted, opened, others: 0 }
    }

    /// The inodes of the pairs: to the container, and from the client.
    fn inodes(pairs: &[(Found, Found)]) -> Vec<(u32, u32)> {
        pairs.iter().map(|(opened, accepted)| (opened.inode, accepted.inode)).collect()
    }

    #[test]
    fn the_last_two_belong_together() {
        assert_eq!(inodes(&pair_last(&look(&[(1, (0, 0))], &[(2, (0, 0))]))), [(2, 1)]);
        let mut opening = look(&[(1, (78, 0))], &[(2, (0, 0))]);
        opening.opened[0].state = SYN_SENT;
        assert_eq!(inodes(&pair_last(&opening)), [(2, 1)]);
    }

    #[test]
    fn nothing_is_said_while_a_socket_comes_or_goes() {
        let nothing = (0, 0);
        assert_eq!(pair_last(&look(&[(1, nothing), (3, nothing)], &[(2, nothing)])), []);
        assert_eq!(pair_last(&look(&[], &[(2, nothing)])), []);
        let one = || look(&[(1, nothing)], &[(2, nothing)]);
        assert_eq!(pair_last(&Look { others: 1, ..one() }), []);
        // FIN_WAIT1: docker-proxy may have closed the client's side.
        let mut closing = one();
        closing.opened[0].state = 4;
        assert_eq!(pair_last(&closing), []);
    }

    #[test]
    fn bytes_that_nobody_else_has_tell_the_pair() {
        let found = pair_by_bytes(&look(
            &[(1, (78, 0)), (3, (99, 5)), (5, (78, 0)), (7, (0, 78))],
            &[(2, (0, 78)), (4, (0, 78)), (6, (5, 99)), (8, (78, 0))],
        ));
        assert_eq!(inodes(&found), [(8, 7), (6, 3)]);
    }

    #[test]
    fn bytes_on_the_way_tell_nothing() {
        // 78 bytes of the first are in docker-proxy's memory: its partner looks like that of the second.
        assert_eq!(pair_by_bytes(&look(&[(1, (78, 0)), (3, (5, 0))], &[(2, (0, 0)), (4, (0, 5))])), []);
        let mut queued = look(&[(1, (78, 0)), (3, (5, 0))], &[(2, (0, 78)), (4, (0, 5))]);
        assert_eq!(pair_by_bytes(&queued).len(), 2);
        queued.accepted[0].queued = (1, 0);
        assert_eq!(pair_by_bytes(&queued), []);
        queued.accepted[0].queued = (0, 0);
        queued.opened[1].bytes = None;
        assert_eq!(pair_by_bytes(&queued), []);
    }

    #[test]
    fn sockets_are_sorted_by_where_they_lead() {
        let all = [socket(2, ESTABLISHED, (0, 0)), socket(1, ESTABLISHED, (0, 0)), socket(9, LISTEN, (0, 0))];
        let strangers = [socket(20, ESTABLISHED, (0, 0))];
        let own = AHashSet::from_iter([1, 2, 9, 30]);
        let look = sorted(&[&all[..], &strangers].concat(), 1, &own);
        let inodes = |side: &[Found]| side.iter().map(|found| found.inode).collect::<Vec<_>>();
        assert_eq!((inodes(&look.opened), inodes(&look.accepted), look.others), (vec![2], vec![1], 1));
    }
}
