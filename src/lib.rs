//! bridgetap: what is really sent on Docker's networks, by name and with its time.
//!
//! The stages, in the order in which a packet meets them:
//!
//! ```text
//! capture --Frame--> decode --Packet--> track --Event--> join --Event--> name --Line--> render
//!                                                                        ^
//!                                                     docker: Directory -'
//! ```
//!
//! Each stage is a module that knows only what comes before it; [`commands`] alone wires them together.

pub mod address;
pub mod capture;
pub mod chart;
pub mod cli;
pub mod commands;
pub mod decode;
pub mod digits;
pub mod docker;
pub mod doctor;
pub mod explain;
pub mod filter;
pub mod host;
pub mod hostile;
pub mod join;
pub mod latency;
pub mod name;
pub mod privilege;
pub mod probe;
pub mod render;
pub mod time;
pub mod topology;
pub mod track;
