//! What a series is called, and which of them stand together.

use std::collections::HashMap;
use std::sync::Arc;

use super::line::name;
use crate::latency::{By, Key, Party, Series};

/// Client, server, port and network.
type WithoutMeasure<'a> = (&'a Party, &'a Party, &'a Arc<str>, &'a Arc<str>);

/// Series under one heading.
pub(super) struct Group<'a> {
    /// Of the first of them.
    key: &'a Key,
    by: By,
    pub series: Vec<&'a Series<'a>>,
}

impl Group<'_> {
    /// Made when it is needed: of a hundred thousand groups, the live view shows a dozen.
    pub fn heading(&self) -> String {
        heading(self.key, self.by)
    }
}

/// The series in groups that differ in their measure only. Groups stand in the order of their first series.
pub(super) fn groups<'a>(series: impl IntoIterator<Item = &'a Series<'a>>, by: By) -> Vec<Group<'a>> {
    let mut places: HashMap<WithoutMeasure<'_>, usize> = HashMap::new();
    let mut groups: Vec<Group<'a>> = Vec::new();
    for series in series {
        let key = &series.key;
        let place = *places.entry((&key.client, &key.server, &key.port, &key.network)).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.series.push(series),
            None => groups.push(Group { key, by, series: vec![series] }),
        }
    }
    groups
}

/// What the series of a key are called, without their measure, escaped: `web → api:5000 (shop_default)`.
pub fn heading(key: &Key, by: By) -> String {
    if key.is_others() {
        return "(others), which the least used series were merged into".to_owned();
    }
    match by {
        By::Network if key.network.is_empty() => "no network of Docker's".to_owned(),
        By::Network => format!("network {}", name(&key.network)),
        By::Port if key.port.is_empty() => "no port".to_owned(),
        By::Port => format!("port {}", name(&key.port)),
        By::Series | By::Container | By::Service => ends(key),
    }
}

fn ends(key: &Key) -> String {
    let (client, server) = (name(key.client.name()), name(key.server.name()));
    // Another program's tag.
    if server.is_empty() && key.port.is_empty() {
        return client;
    }
    let server = match (&*key.port, server.contains(':')) {
        ("", _) => server,
        // As in the log: an IPv6 address with a port has brackets.
        (port, true) => format!("[{server}]:{}", name(port)),
        (port, false) => format!("{server}:{}", name(port)),
    };
    match &*key.network {
        "" => format!("{client} → {server}"),
        network => format!("{client} → {server} ({})", name(network)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::Measure;
    use crate::latency::key::sample;

    #[test]
    fn a_heading_says_what_was_not_summed() {
        let mut key = sample("web-1", "api-1", "80", Measure::FirstByte);
        key.client.service = "shop/web".into();
        key.server.service = "shop/api".into();
        let said = |by: By| heading(&by.key(&key), by);
        assert_eq!(said(By::Series), "web-1 → api-1:80 (lab_default)");
        assert_eq!(said(By::Container), "web-1 → api-1");
        assert_eq!(said(By::Service), "shop/web → shop/api");
        assert_eq!(said(By::Network), "network lab_default");
        assert_eq!(said(By::Port), "port 80");
        assert_eq!(heading(&sample("a", "fd00::2", "53", Measure::Dns), By::Series), "a → [fd00::2]:53 (lab_default)");
        let mut ping = sample("a\u{1b}", "b", "", Measure::Ping);
        ping.network = "".into();
        assert_eq!(heading(&ping, By::Series), "a\\u{1b} → b");
        assert_eq!(heading(&By::Port.key(&ping), By::Port), "no port");
        assert_eq!(heading(&By::Network.key(&ping), By::Network), "no network of Docker's");
        assert!(heading(&Key::others(Measure::Ping), By::Port).starts_with("(others)"));
        assert!(heading(&sample(&"x".repeat(1 << 20), "b", "", Measure::Ping), By::Series).chars().count() < 600);
    }
}
