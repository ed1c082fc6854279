//! Compares with tshark, packet by packet, and with the truth of conversations that it makes up itself. What is compared
//! and how, what was reached and what differs is in docs/conformance.md.
//!
//! - `samples`: the sample captures, by what the program prints of them: not one pair, connection or time may differ.
//! - `corpus`: the sample captures and, where `BRIDGETAP_CORPUS` names a folder of captures, those, by what the library
//!   finds: how often both agree, by subject, and not less than it was.
//! - `disorder`: segments in disorder have the same acknowledgements and times, and as many duplicate ones.
//! - `fragments`: what was sent in fragments is what it would be whole.
//! - `generated`: conversations of which is known what was sent and what was seen, without tshark.
//!
//! Needs tshark (Debian: `apt-get install tshark`), all but the last. Without it nothing is compared, and with
//! `BRIDGETAP_DEMAND=1` that is a failure.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may fail")]
#![expect(clippy::cast_precision_loss, reason = "sums of a file's times are far below 2^53 ns")]

mod batch;
#[path = "../common/mod.rs"]
mod common;
mod corpus;
mod disorder;
mod figures;
mod fragments;
mod frames;
mod generated;
mod ours;
mod reasons;
mod said;
mod samples;
mod table;
mod tshark;
