//! Networks and what is on them as a tree, and what changed as lines, for people.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::IpAddr;

use anstyle::{AnsiColor, Style};

use super::columns::{flow, padded, words};
use super::escape::escape;
use super::layout::Layout;
use super::units::{Clock, Count, columns};
use crate::time::Timestamp;
use crate::topology::{Attachment, Change, Interface, Network, Port, Published, Role, Seen, Topology};

/// Names longer than this do not move the columns of the others.
const LONG_NAME: usize = 26;
/// Addresses longer than this, of IPv6, do not either.
const LONG_ADDRESS: usize = 16;
/// What every option of Docker's own drivers begins with.
const OPTION_PREFIX: &str = "com.docker.network.";

/// Writes topologies and changes as text.
pub struct TreeWriter<W> {
    out: W,
    layout: Layout,
    clock: Clock,
}

/// A row of a tree: cells in columns, and what is said below them.
struct Row {
    cells: Vec<String>,
    details: Vec<String>,
}

impl<W: Write> TreeWriter<W> {
    /// A writer to `out`.
    pub fn new(out: W, layout: Layout) -> Self {
        Self { out, layout, clock: Clock::local() }
    }

    /// Where it writes.
    pub const fn out(&mut self) -> &mut W {
        &mut self.out
    }

    /// Writes every network with its containers.
    pub fn topology(&mut self, topology: &Topology) -> io::Result<()> {
        for (number, network) in topology.networks.iter().enumerate() {
            if number > 0 {
                writeln!(self.out)?;
            }
            let text = self.network(network);
            self.out.write_all(text.as_bytes())?;
        }
        Ok(())
    }

    /// Writes a line for a change that happened at `at`.
    pub fn change(&mut self, change: &Change, at: Timestamp) -> io::Result<()> {
        let (sign, style) = match change {
            Change::NetworkCreated { .. } | Change::Joined { .. } => ('+', AnsiColor::Green.on_default()),
            Change::NetworkRemoved { .. } | Change::Left { .. } => ('-', AnsiColor::Red.on_default()),
            Change::NetworkChanged { .. } | Change::Changed { .. } => ('~', AnsiColor::Yellow.on_default()),
        };
        let mut line = String::new();
        self.clock.write(at, true, &mut line);
        let used = columns(&line) + 2;
        let (dim, style) = (self.style(Style::new().dimmed()), self.style(style));
        let mut said = format!("{sign} ");
        flow(&mut said, &words(&change_text(change)), " ", "      ", used + 2, self.layout.width);
        writeln!(self.out, "{dim}{line}{dim:#}  {style}{said}{style:#}")
    }

    fn network(&self, network: &Network) -> String {
        let bold = self.style(AnsiColor::Cyan.on_default().bold());
        let dim = self.style(Style::new().dimmed());
        let name = escape(&network.name);
        let kind = kind(network);
        let id = network.id.get(..12).unwrap_or(&network.id);
        let mut text = format!("{bold}{name}{bold:#}  driver {kind}  {dim}{}{dim:#}\n", escape(id));
        let rows = rows(network);
        let bar = if rows.is_empty() { "   " } else { "│  " };
        for line in facts(network) {
            self.fact(&mut text, &line, bar, dim);
        }
        let service = if network.name_service {
            (self.style(Style::new()), "names resolve here, by Docker's name service at 127.0.0.11")
        } else {
            (self.style(AnsiColor::Yellow.on_default()), no_service(network))
        };
        self.fact(&mut text, &words(service.1), bar, service.0);
        if let Some(options) = options(network) {
            self.fact(&mut text, &options, bar, dim);
        }
        self.rows(&mut text, rows);
        text
    }

    /// Writes one line of what a network is, broken where it is too long.
    fn fact(&self, text: &mut String, pieces: &[String], bar: &str, style: Style) {
        let mut line = String::new();
        flow(&mut line, pieces, " ", &format!("{bar}  "), columns(bar), self.layout.width);
        // Broken lines have the bar in them, which is as pale as they are.
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{bar}{style}{line}{style:#}");
    }

    fn rows(&self, text: &mut String, mut rows: Vec<Row>) {
        let widths = widths(&rows);
        let last = rows.len().saturating_sub(1);
        for (number, row) in rows.iter_mut().enumerate() {
            let (branch, bar) = if number == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            while row.cells.len() > 1 && self.layout.width.is_some_and(|width| row_width(row, &widths) > width) {
                // What has no room beside the name goes below it.
                row.details.extend(row.cells.pop());
            }
            let mut line = branch.to_owned();
            for (cell, width) in row.cells.iter().zip(&widths) {
                padded(&mut line, cell, *width);
                line.push_str("  ");
            }
            text.push_str(line.trim_end());
            text.push('\n');
            if !row.details.is_empty() {
                let indent = format!("{bar}  ");
                text.push_str(&indent);
                row.details.retain(|detail| !detail.is_empty());
                flow(text, &row.details, "; ", &indent, columns(&indent), self.layout.width);
                text.push('\n');
            }
        }
    }

    fn style(&self, style: Style) -> Style {
        if self.layout.color { style } else { Style::new() }
    }
}

fn row_width(row: &Row, widths: &[usize]) -> usize {
    let cells = row.cells.iter().zip(widths).map(|(cell, width)| columns(cell).max(*width) + 2);
    let last = row.cells.iter().zip(widths).next_back().map_or(0, |(cell, width)| width.saturating_sub(columns(cell)));
    3 + cells.sum::<usize>() - 2 - last
}

/// The width of each column: that of its widest cell, but for those that are out of the ordinary, and for rows of one.
fn widths(rows: &[Row]) -> Vec<usize> {
    let limits = [LONG_NAME, LONG_ADDRESS, 17, usize::MAX];
    let width = |(column, limit): (usize, &usize)| {
        let cells = rows
            .iter()
            .filter(|row| row.cells.len() > 1)
            .filter_map(|row| row.cells.get(column))
            .map(|cell| columns(cell));
        cells.filter(|width| width <= limit).max().unwrap_or_default()
    };
    limits.iter().enumerate().map(width).collect()
}

fn kind(network: &Network) -> String {
    let mut kind = escape(&network.driver).into_owned();
    if !matches!(network.scope.as_str(), "local" | "") {
        let _ = write!(kind, ", {} scope", escape(&network.scope));
    }
    if network.internal {
        kind.push_str(", internal: no way out");
    }
    kind
}

/// What a network is: its addresses, and what carries it.
fn facts(network: &Network) -> Vec<Vec<String>> {
    let mut lines = Vec::new();
    let gateways: Vec<_> = network.gateways.iter().map(ToString::to_string).collect();
    if !network.subnets.is_empty() {
        let mut pieces: Vec<_> = network.subnets.iter().map(|subnet| format!("{},", escape(subnet))).collect();
        match gateways.as_slice() {
            [] => pieces.push("no gateway".to_owned()),
            gateways => {
                pieces.push("gateway".to_owned());
                pieces.extend(words(&gateways.join(", ")));
            }
        }
        lines.push(pieces);
    }
    lines.extend(network.interface.as_ref().map(|interface| words(&carrier(interface))));
    match (network.driver.as_str(), &network.interface) {
        ("host", _) => lines.push(words("its containers use the host's own interfaces and addresses")),
        ("null", _) => lines.push(words("its containers have only their loopback interface")),
        ("overlay", None) => lines.push(words(
            "its bridge is in a hidden namespace, which is here while a container of this machine is on it, and seen as root",
        )),
        ("macvlan" | "ipvlan", None) => lines.push(words("no parent interface: its containers reach only one another")),
        _ => {}
    }
    lines
}

/// `br-4f1c0a9b3d2e, up, mtu 1500`.
fn carrier(interface: &Interface) -> String {
    let what = match interface.role {
        Role::Bridge => "bridge",
        Role::Parent => "parent",
    };
    let name = &interface.name;
    let place = interface.namespace.as_ref().map_or_else(String::new, |path| format!(" in the namespace {path}"));
    let Some(link) = &interface.link else {
        return format!("{what} {name}{place}, which is not on this machine");
    };
    let state = match (link.up, link.carrier) {
        (false, _) => "down",
        (true, true) => "up",
        (true, false) if interface.role == Role::Bridge => "up, without a running port",
        (true, false) => "up, without a carrier",
    };
    let mac = link.mac.as_ref().map_or_else(String::new, |mac| format!(", {mac}"));
    format!("{what} {name}{place}: {state}, mtu {}{mac}", link.mtu)
}

fn no_service(network: &Network) -> &'static str {
    match network.driver.as_str() {
        "host" => "no name service: names resolve as they do on the host",
        "null" => "no name service, and no network to ask one by",
        _ => "no name service: names of containers do not resolve here",
    }
}

fn options(network: &Network) -> Option<Vec<String>> {
    if network.options.is_empty() {
        return None;
    }
    let mut pieces = vec!["options".to_owned()];
    let last = network.options.len() - 1;
    for (number, (name, value)) in network.options.iter().enumerate() {
        let name = name.strip_prefix(OPTION_PREFIX).map_or(name.clone(), |name| format!("…{name}"));
        let comma = if number == last { "" } else { "," };
        pieces.push(format!("{}={}{comma}", escape(&name), escape(value)));
    }
    Some(pieces)
}

/// What hangs on a network: containers, then other ports of its bridge.
fn rows(network: &Network) -> Vec<Row> {
    let mut rows: Vec<_> = network.containers.iter().map(|container| container_row(network, container)).collect();
    rows.extend(network.other_ports.iter().map(port_row));
    let alone = |text: String| Row { cells: vec![text], details: Vec::new() };
    if network.others > 0 {
        let count = Count(network.others as u64, "other container");
        rows.push(alone(format!("… and {count}")));
    } else if network.containers.is_empty() && network.other_ports.iter().all(|port| port.container.is_none()) {
        rows.insert(0, alone("no running container".to_owned()));
    }
    rows
}

fn container_row(network: &Network, container: &Attachment) -> Row {
    let address = container.addresses.first().map_or_else(|| "no address".to_owned(), ToString::to_string);
    let cells = if matches!(network.driver.as_str(), "host" | "null") {
        vec![escape(&container.name).into_owned()]
    } else {
        vec![
            escape(&container.name).into_owned(),
            address,
            container.mac.as_deref().map_or_else(|| "no MAC".to_owned(), |mac| escape(mac).into_owned()),
            cable(network, container),
        ]
    };
    Row { cells, details: details(network, container) }
}

/// The interface inside and the one outside: `eth0 ↔ veth1a2b3c4`.
fn cable(network: &Network, container: &Attachment) -> String {
    let inside = container.interface.as_deref().map(escape);
    let parent = network.interface.as_ref().filter(|interface| interface.role == Role::Parent);
    match (inside, &container.veth, parent) {
        (Some(inside), Some(veth), _) => format!("{inside} ↔ {}", escape(veth)),
        (Some(inside), None, Some(parent)) => format!("{inside} on {}", escape(&parent.name)),
        (Some(inside), None, None) => format!("{inside}, other end unknown"),
        (None, ..) => match container.seen {
            Seen::NotPermitted => "veth: needs root".to_owned(),
            Seen::NotHere => "not on this machine".to_owned(),
            Seen::Yes => "no interface".to_owned(),
        },
    }
}

fn details(network: &Network, container: &Attachment) -> Vec<String> {
    let mut details: Vec<_> = container.addresses.iter().skip(1).map(ToString::to_string).collect();
    if !container.aliases.is_empty() {
        details.push(format!("alias {}", escape(&container.aliases.join(", "))));
    }
    if let (Some(project), Some(service)) = (&container.project, &container.service) {
        details.push(format!("compose {}, service {}", escape(project), escape(service)));
    }
    for link in &container.links {
        let (other, alias) = link.split_once(':').unwrap_or((link, ""));
        details.push(format!("knows {} as {}", escape(other), escape(alias)));
    }
    details.extend(container.published.iter().map(published));
    if container.name_service && !network.name_service {
        details.push("asks 127.0.0.11 all the same".to_owned());
    }
    details
}

fn published(port: &Published) -> String {
    let Published { host_address, host_port, container_port, protocol } = port;
    let host = std::net::SocketAddr::new(*host_address, *host_port);
    format!("{host} → {container_port}/{protocol}")
}

fn port_row(port: &Port) -> Row {
    let interface = escape(&port.interface);
    let cell = match (&port.container, &port.container_interface) {
        (Some(container), Some(inner)) => {
            let addresses = list(&port.addresses);
            format!("{interface} ↔ {} of {}{addresses}", escape(inner), escape(container))
        }
        _ if port.kind.is_empty() => format!("{interface}, no container's"),
        _ => format!("{interface} ({}), no container's", escape(&port.kind)),
    };
    Row { cells: vec![cell], details: Vec::new() }
}

fn list(addresses: &[IpAddr]) -> String {
    addresses.iter().flat_map(|address| [", ".to_owned(), address.to_string()]).collect()
}

/// What a change is, in words, not yet escaped.
fn change_text(change: &Change) -> String {
    match change {
        Change::NetworkCreated { network } => {
            let carrier = network.interface.as_ref().map(|interface| interface.name.clone());
            let rest = network.subnets.iter().cloned().chain(carrier).collect::<Vec<_>>();
            format!("network {} ({}) {}", network.name, network.driver, rest.join(" "))
        }
        Change::NetworkRemoved { network, .. } => format!("network {network} is gone"),
        Change::NetworkChanged { network, what } => match network.interface.as_ref() {
            Some(interface) if what.contains(&"interface") => {
                format!("network {}: {}", network.name, carrier(interface))
            }
            _ => format!("network {}: other {}", network.name, what.join(", ")),
        },
        Change::Joined { network, container, .. } => {
            let cable = match (&container.interface, &container.veth) {
                (Some(inside), Some(veth)) => format!("{inside} ↔ {veth}"),
                (Some(inside), None) => inside.clone(),
                _ => String::new(),
            };
            format!("{} joined {network} {} {cable}", container.name, plain(&container.addresses))
        }
        Change::Left { network, container, .. } => {
            format!("{} left {network} {}", container.name, plain(&container.addresses))
        }
        Change::Changed { network, container, what, old_name, old_addresses, .. } => {
            changed_text(network, container, what, old_name, old_addresses)
        }
    }
}

fn changed_text(network: &str, now: &Attachment, what: &[&str], old_name: &str, old_addresses: &[IpAddr]) -> String {
    let mut said = Vec::new();
    if what.contains(&"name") {
        said.push(format!("is now called {}", now.name));
    }
    if what.contains(&"addresses") {
        said.push(format!("now has {} instead of {}", plain(&now.addresses), plain(old_addresses)));
    }
    if what.contains(&"aliases") {
        said.push(match now.aliases.as_slice() {
            [] => "has no alias any more".to_owned(),
            aliases => format!("now answers to {}", aliases.join(", ")),
        });
    }
    let others: Vec<_> = what.iter().filter(|name| !matches!(**name, "name" | "addresses" | "aliases")).collect();
    if !others.is_empty() {
        let names: Vec<_> = others.iter().map(|name| name.replace('_', " ")).collect();
        said.push(format!("has other {}", names.join(", ")));
    }
    format!("{old_name} on {network} {}", said.join(", "))
}

fn plain(addresses: &[IpAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
