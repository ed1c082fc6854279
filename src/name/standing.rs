//! What an address is to Docker, whatever it is called: for those who explain it.

use std::net::IpAddr;
use std::sync::Arc;

use super::Namer;
use crate::docker::Network;
use crate::time::Timestamp;
use crate::track::event::Place;

impl Namer {
    /// What an address is at that place, in one of the words of [`WELL_KNOWN`](super::WELL_KNOWN): also with addresses
    /// instead of names, and whatever a file calls it.
    pub fn standing(&self, address: IpAddr, place: Place) -> Option<&'static str> {
        let view = self.view(place, Timestamp::ZERO);
        super::names::fixed_name(address).or_else(|| view.names.role(address, view.spot))
    }

    /// The network that an address belongs to at that place and time: its container's, else the one in whose subnet it
    /// lies.
    pub fn network_of(&self, address: IpAddr, place: Place, at: Timestamp) -> Option<&Arc<Network>> {
        let view = self.view(place, at);
        match view.names.container(address, None, view.spot, at) {
            Some(container) => view.names.container_network(container, address, view.spot),
            None => view.names.network_of(address, view.spot),
        }
    }
}
