//! `--probe`: who asks whom, from where, and by which address.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::input::Pair;
use super::probes::Probes;
use crate::capture::Namespace;
use crate::cli;
use crate::commands::missing::ambiguous;
use crate::commands::targets::{Kind, Target, Unresolved};
use crate::decode::dns::DOCKER_DNS;
use crate::docker::{self, Container, ContainerId, DaemonConfig, Directory, Lookup, Network};
use crate::host::container_of;
use crate::latency::{Key, Measure, Party};
use crate::probe::{self, Event, Plan, ProbeError, Prober, Question};
use crate::render::units::Count;

/// How long the daemon may take to say what there is.
const ASKING: Duration = Duration::from_secs(10);
/// How long answers are waited for after the last probe.
const PATIENCE: Duration = Duration::from_secs(2);
/// What ping sends.
const ECHO_DATA: u16 = 56;
/// The port of name servers.
const DNS_PORT: u16 = 53;
/// As many ports that are listened at are named.
const MAX_PORTS: usize = 12;

/// Probes that are to be sent.
pub(in crate::commands) struct Probing {
    client: Arc<Container>,
    server: Option<Arc<Container>>,
    /// The network that they meet on.
    network: Option<Arc<Network>>,
    namespace: PathBuf,
    plan: Plan,
    probes: Arc<Probes>,
    /// Every place on the way is to be seen.
    hops: bool,
    /// What is sent, from whom to whom and how often.
    described: String,
}

impl Probing {
    /// Finds the client and the server, and how the one reaches the other. Says what is in the way.
    pub(super) fn prepare(arguments: &cli::Latency, pair: &Pair) -> Result<Self, String> {
        let endpoint = DaemonConfig::of_process().environment.endpoint().map_err(|error| error.to_string())?;
        let (_, directory) = docker::ask(&endpoint, ASKING).map_err(|error| error.to_string())?;
        let client = container(&pair.client, &directory)?;
        let namespace = namespace(&client)?.path().to_owned();
        let server = pair.server.as_deref().map(|server| Server::find(server, &client, &directory)).transpose()?;
        let question = question(arguments, &client, server.as_ref(), &directory)?;
        check_way(question.to(), &client)?;
        if let (Question::Connect { to }, Some(container)) =
            (&question, server.as_ref().and_then(|server| server.container.as_ref()))
        {
            check_port(*to, container)?;
        }
        let count = arguments.count;
        let plan = Plan { question, count, interval: arguments.probing.interval, patience: PATIENCE };
        plan.check().map_err(|error| error.to_string())?;
        let key = key(&plan.question, &client, server.as_ref());
        let Server { container: server, network, .. } = server.unwrap_or_default();
        let described = described(&plan, &key);
        let addresses = client.endpoints.iter().flat_map(|endpoint| endpoint.addresses.iter().copied()).collect();
        let probes = Arc::new(Probes::new(addresses, key, count));
        Ok(Self { client, server, network, namespace, plan, probes, hops: arguments.table.hops, described })
    }

    /// `sending 1000 pings from web to api (172.18.0.2), one every 10ms`.
    pub fn described(&self) -> &str {
        &self.described
    }

    pub fn probes(&self) -> Arc<Probes> {
        Arc::clone(&self.probes)
    }

    /// What to watch: the client sees all that is its own; the others, where the time goes.
    pub fn targets(&self) -> Vec<String> {
        let named = |container: &Container| format!("container:{}", container.name);
        let others = self.server.iter().filter(|server| server.id != self.client.id).map(|server| named(server));
        let network = self.network.iter().filter(|network| network.driver == "bridge");
        let others = others.chain(network.map(|network| format!("net:{}", network.name))).filter(|_| self.hops);
        std::iter::once(named(&self.client)).chain(others).collect()
    }

    /// From one probe to the next.
    pub const fn interval(&self) -> Duration {
        self.plan.interval
    }

    /// Begins to send.
    pub fn begin(&self) -> Result<Prober, ProbeError> {
        let probes = self.probes();
        let namespace = Namespace::open(&self.namespace).map_err(ProbeError::Namespace)?;
        probe::spawn(namespace, self.plan.clone(), move |event: Event| probes.told(&event))
    }

    /// Whether nothing is left to be sent or heard.
    pub fn is_over(&self) -> bool {
        self.probes.is_over()
    }
}

/// Who is asked.
#[derive(Default)]
struct Server {
    container: Option<Arc<Container>>,
    name: String,
    address: Option<IpAddr>,
    network: Option<Arc<Network>>,
}

impl Server {
    /// A container by its address on a network that the client is on, too; or any address.
    fn find(name: &str, client: &Container, directory: &Directory) -> Result<Self, String> {
        if let Ok(address) = name.parse::<IpAddr>() {
            return Ok(Self { name: name.to_owned(), address: Some(address), ..Self::default() });
        }
        let server = container(name, directory)?;
        let meeting = client.endpoints.iter().find_map(|mine| {
            let theirs = server.endpoints.iter().find(|theirs| theirs.network == mine.network)?;
            // IPv4 stands first.
            theirs.addresses.first().map(|address| (*address, directory.network(&mine.network).cloned()))
        });
        let Some((address, network)) = meeting else { return Err(no_common_network(client, &server, directory)) };
        Ok(Self { name: server.name.clone(), container: Some(server), address: Some(address), network })
    }
}

/// A running container by its name or id, or the one of a Compose service.
fn container(typed: &str, directory: &Directory) -> Result<Arc<Container>, String> {
    let name = Target::read(typed)?.name;
    match directory.find_container(&name) {
        Lookup::Found(container) => Ok(owner(container, directory)),
        Lookup::Ambiguous(several) => Err(format!("{name} could be {}: write more of its id", several.join(" or "))),
        Lookup::NotFound { nearest } => of_service(typed, directory)?.ok_or_else(|| match nearest {
            _ if directory.network_by_name(&name).is_some() => {
                format!("{name} is a network, and probes go from one container to another: name one that is on it")
            }
            Some(nearest) => format!("{name}: no container of that name runs; did you mean {nearest}?"),
            None => format!("{name}: no container of that name runs; docker ps lists those that do"),
        }),
    }
}

/// The container of a Compose service; which of several is meant, only the user knows.
fn of_service(typed: &str, directory: &Directory) -> Result<Option<Arc<Container>>, String> {
    let target = Target { kind: Some(Kind::Service), ..Target::read(typed)? };
    let service = match target.resolve(directory, &[]) {
        Ok(service) => service,
        Err(Unresolved::Missing) => return Ok(None),
        Err(Unresolved::Ambiguous(forms)) => return Err(ambiguous(typed, &forms)),
    };
    let of_it: Vec<_> = directory.containers().filter(|container| service.is_service_of(container)).collect();
    match of_it.as_slice() {
        [only] => Ok(Some(Arc::clone(only))),
        several => {
            let names: Vec<_> = several.iter().map(|container| container.name.as_str()).collect();
            Err(format!("{typed} has {} containers: name one of {}", several.len(), names.join(", ")))
        }
    }
}

/// The container whose network another one shares (`--network container:NAME`), which has none of its own; else itself.
fn owner(container: Arc<Container>, directory: &Directory) -> Arc<Container> {
    let inode = |container: &Container| {
        let found = fs::metadata(container.namespace.as_ref()?).ok()?;
        Some((found.dev(), found.ino()))
    };
    if !container.endpoints.is_empty() {
        return container;
    }
    let Some(own) = inode(&container) else { return container };
    let mut others = directory.containers().filter(|other| !other.endpoints.is_empty());
    others.find(|other| inode(other) == Some(own)).cloned().unwrap_or(container)
}

fn namespace(container: &Container) -> Result<Namespace, String> {
    let path = container.namespace.as_ref().ok_or_else(|| {
        format!("{}: its network namespace is not on this machine; run bridgetap where it runs", container.name)
    })?;
    Namespace::open(Path::new(path)).map_err(|error| error.to_string())
}

fn no_common_network(client: &Container, server: &Container, directory: &Directory) -> String {
    let networks = |container: &Container| {
        let names = container.endpoints.iter().filter_map(|endpoint| directory.network(&endpoint.network));
        names.map(|network| network.name.clone()).collect::<Vec<_>>().join(", ")
    };
    let (mine, theirs) = (networks(client), networks(server));
    // Nobody can be connected to the host's network, where no container has an address.
    let mut joinable = server.endpoints.iter().filter(|endpoint| !endpoint.addresses.is_empty());
    let joinable = joinable.find_map(|endpoint| directory.network(&endpoint.network)).map(|network| &network.name);
    let (client, server) = (&client.name, &server.name);
    let or = joinable.map_or_else(String::new, |network| format!(", or: docker network connect {network} {client}"));
    format!(
        "{client} ({mine}) and {server} ({theirs}) have no network in common with an address of their own; name an \
         address instead of {server}{or}"
    )
}

/// What each probe asks.
fn question(
    arguments: &cli::Latency,
    client: &Container,
    server: Option<&Server>,
    directory: &Directory,
) -> Result<Question, String> {
    let address = server.and_then(|server| server.address);
    if let Some(name) = &arguments.probing.lookup {
        let resolver = match address {
            Some(address) => SocketAddr::new(address, DNS_PORT),
            None => resolver(client, directory)?,
        };
        return Ok(Question::Lookup { resolver, name: name.clone() });
    }
    let to = address.ok_or_else(|| "--probe takes a server".to_owned())?;
    Ok(match arguments.probing.tcp {
        Some(port) => Question::Connect { to: SocketAddr::new(to, port) },
        None => Question::Echo { to, data_len: ECHO_DATA },
    })
}

/// The client's own name server: Docker's, or on the default bridge the one that its resolv.conf names.
fn resolver(client: &Container, directory: &Directory) -> Result<SocketAddr, String> {
    let mut networks = client.endpoints.iter().filter_map(|endpoint| directory.network(&endpoint.network));
    if networks.any(|network| network.name_service) {
        return Ok(SocketAddr::new(DOCKER_DNS, DNS_PORT));
    }
    let process = process_of(&client.id).ok_or_else(|| {
        format!(
            "{}: none of its processes is to be seen, and so not whom it asks for names; name a server, or run \
             bridgetap with the processes of the host (docker run --pid host)",
            client.name
        )
    })?;
    probe::resolver(process).map_err(|error| error.to_string())
}

/// A process of a container.
fn process_of(id: &ContainerId) -> Option<u32> {
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    numbers.find(|number| {
        let groups = fs::read_to_string(format!("/proc/{number}/cgroup")).unwrap_or_default();
        container_of(&groups, None) == Some(&*id.0)
    })
}

/// Whether it is seen on its way: what a container sends to itself passes its `lo`, where only lookups are watched if it
/// has other interfaces.
fn check_way(to: IpAddr, client: &Container) -> Result<(), String> {
    let mut addresses = client.endpoints.iter().flat_map(|endpoint| &endpoint.addresses).peekable();
    let is_connected = addresses.peek().is_some();
    if to != DOCKER_DNS && is_connected && (to.is_loopback() || addresses.any(|own| *own == to)) {
        return Err(format!(
            "{to} is {0} itself, and what {0} asks itself passes none of its interfaces: name another container",
            client.name
        ));
    }
    Ok(())
}

/// Whether anybody listens there: a thousand refusals say no more than this does.
fn check_port(to: SocketAddr, server: &Container) -> Result<(), String> {
    let listeners = namespace(server)?;
    let listeners = probe::listening(&listeners).map_err(|error| error.to_string())?;
    let mut ports: Vec<_> = listeners.iter().filter(|one| one.takes(to.ip())).map(|one| one.port).collect();
    if ports.contains(&to.port()) {
        return Ok(());
    }
    ports.dedup();
    let (name, port) = (&server.name, to.port());
    let elsewhere = listeners.iter().find(|one| one.port == port).map(|one| one.address);
    Err(match (elsewhere, ports.as_slice()) {
        (Some(address), _) if address.is_loopback() => {
            format!(
                "{name} listens at TCP port {port} on {address} only, which nobody else reaches: let it listen on 0.0.0.0"
            )
        }
        (Some(address), _) => {
            let asked = to.ip();
            format!(
                "{name} listens at TCP port {port} on {address} only, not on {asked}: let it listen on all addresses"
            )
        }
        (None, []) => format!("nothing in {name} listens at TCP port {port}, nor at any other"),
        (None, ports) => {
            let listed: Vec<_> = ports.iter().take(MAX_PORTS).map(u16::to_string).collect();
            let more = if ports.len() > MAX_PORTS { ", …" } else { "" };
            format!("nothing in {name} listens at TCP port {port}; it listens at {}{more}", listed.join(", "))
        }
    })
}

/// What is sent, from whom to whom and how often.
fn described(plan: &Plan, key: &Key) -> String {
    let (sending, one, of) = match &plan.question {
        Question::Echo { .. } => ("sending", "ping", String::new()),
        Question::Connect { .. } => ("opening", "TCP connection", String::new()),
        Question::Lookup { name, .. } => ("sending", "lookup", format!(" of {name}")),
    };
    let what = plan.count.map_or_else(|| format!("{one}s"), |count| Count(count, one).to_string());
    let address = plan.question.to().to_string();
    let server = if key.server.name() == address { address } else { format!("{} ({address})", key.server.name()) };
    let port = if key.port.is_empty() { String::new() } else { format!(" port {}", key.port) };
    format!("{sending} {what}{of} from {} to {server}{port}, one every {:?}", key.client.name(), plan.interval)
}

/// The series of probes that nothing was heard of.
fn key(question: &Question, client: &Container, server: Option<&Server>) -> Key {
    let (measure, port) = match question {
        Question::Echo { .. } => (Measure::Ping, String::new()),
        Question::Connect { to } => (Measure::Syn, to.port().to_string()),
        Question::Lookup { resolver, .. } => (Measure::Dns, resolver.port().to_string()),
    };
    let name = match (server, question.to()) {
        (Some(server), _) => server.name.clone(),
        (None, address) if address == DOCKER_DNS => "docker-dns".to_owned(),
        (None, address) => address.to_string(),
    };
    let network = server.and_then(|server| server.network.as_ref()).map_or("", |network| network.name.as_str());
    let service = server.and_then(|server| server.container.as_ref());
    Key {
        client: party(&client.name, Some(client)),
        server: party(&name, service.map(AsRef::as_ref)),
        port: port.into(),
        network: network.into(),
        measure,
    }
}

fn party(name: &str, container: Option<&Container>) -> Party {
    let alone = Party::alone(name);
    match container.and_then(|container| container.compose.as_ref()) {
        Some((project, service)) => Party { service: format!("{project}/{service}").into(), ..alone },
        None => alone,
    }
}

#[cfg(test)]
#[path = "probing_tests.rs"]
mod tests;
