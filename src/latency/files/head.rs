//! How every object about a series begins.

use serde::Serialize;

use crate::latency::Key;

/// The first members of an object: what kind it is, and of which series.
#[derive(Debug, Serialize)]
pub struct Head<'a> {
    kind: &'static str,
    measure: &'static str,
    client: &'a str,
    server: &'a str,
    port: &'a str,
    network: &'a str,
    client_service: &'a str,
    server_service: &'a str,
}

impl<'a> Head<'a> {
    /// That of an object of that kind about a series.
    pub fn new(kind: &'static str, key: &'a Key) -> Self {
        Self {
            kind,
            measure: key.measure.name(),
            client: &key.client.container,
            server: &key.server.container,
            port: &key.port,
            network: &key.network,
            client_service: &key.client.service,
            server_service: &key.server.service,
        }
    }

    /// The series, without the kind, in the order of the members.
    pub const fn names(&self) -> [&'a str; 7] {
        let Self { measure, client, server, port, network, client_service, server_service, .. } = *self;
        [measure, client, server, port, network, client_service, server_service]
    }
}
