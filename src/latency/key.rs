//! What a series is of: who asked whom, where, and what was measured.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::Measure;

/// One side of the exchanges of a series.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Party {
    /// The container's name; an address or a name of a host where there is no container. Empty where series of several
    /// are summed.
    pub container: Arc<str>,
    /// Its Compose or Swarm service; the container's name again where it has none.
    pub service: Arc<str>,
}

impl Party {
    /// One without a service of its own.
    pub fn alone(name: &str) -> Self {
        let name: Arc<str> = name.into();
        Self { container: Arc::clone(&name), service: name }
    }

    /// What to call it: the container, the service where containers are summed, nothing where all are.
    pub fn name(&self) -> &str {
        if self.container.is_empty() { &self.service } else { &self.container }
    }
}

/// What a series is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Who asked, or opened the connection.
    pub client: Party,
    /// Who answered, or should have.
    pub server: Party,
    /// The server's port, or the name of what listens there; empty for measures without, as `ping`.
    pub port: Arc<str>,
    /// The network that it happened on.
    pub network: Arc<str>,
    /// What was measured.
    pub measure: Measure,
}

/// Of each side its name, which tells most of them apart: a service is the same for all of its containers.
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { client, server, port, network, measure } = self;
        (client.name(), server.name(), port, network, measure).hash(state);
    }
}

/// The client's and the server's name in the series that the least used ones were merged into.
/// Docker lets no container have such a name.
const OTHERS: &str = "(others)";

impl Key {
    /// The key of the series that the least used ones of a measure are merged into.
    pub fn others(measure: Measure) -> Self {
        let (others, none): (_, Arc<str>) = (Party::alone(OTHERS), "".into());
        Self { client: others.clone(), server: others, port: Arc::clone(&none), network: none, measure }
    }

    /// The order of the table: client, server, port, network, measure. Ports are numbers, so that 80 stands before 5000;
    /// what has none stands first.
    pub(super) fn in_table(&self, other: &Self) -> Ordering {
        let number = |key: &Self| key.port.parse::<u16>().ok();
        (&self.client, &self.server)
            .cmp(&(&other.client, &other.server))
            .then_with(|| number(self).cmp(&number(other)))
            .then_with(|| self.cmp(other))
    }

    /// Whether the series holds what others were merged into.
    pub fn is_others(&self) -> bool {
        &*self.client.container == OTHERS && &*self.server.container == OTHERS
    }
}

/// What series are summed by: `--by`. The measure is always told apart, since sums of several say nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// Each series for itself.
    #[default]
    Series,
    /// Client's and server's container.
    Container,
    /// Client's and server's service of Compose or Swarm.
    Service,
    /// Network.
    Network,
    /// Server's port.
    Port,
}

impl By {
    /// The key of the sum that a series belongs to; fields that are summed over are empty.
    pub fn key(self, key: &Key) -> Key {
        if self == Self::Series || key.is_others() {
            return key.clone();
        }
        let mut sum = Key {
            client: Party::default(),
            server: Party::default(),
            port: "".into(),
            network: "".into(),
            measure: key.measure,
        };
        let service = |party: &Party| Party { container: "".into(), service: Arc::clone(&party.service) };
        match self {
            Self::Series => {}
            Self::Container => (sum.client, sum.server) = (key.client.clone(), key.server.clone()),
            Self::Service => (sum.client, sum.server) = (service(&key.client), service(&key.server)),
            Self::Network => sum.network = Arc::clone(&key.network),
            Self::Port => sum.port = Arc::clone(&key.port),
        }
        sum
    }
}

/// A series for tests.
#[cfg(test)]
pub fn sample(client: &str, server: &str, port: &str, measure: Measure) -> Key {
    Key {
        client: Party::alone(client),
        server: Party { container: server.into(), service: "app".into() },
        port: port.into(),
        network: "lab_default".into(),
        measure,
    }
}
