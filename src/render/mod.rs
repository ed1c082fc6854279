//! Events to what people and programs read. Writes to any `io::Write`; escapes at the last step.

mod columns;
pub mod doctor;
pub mod documents;
pub mod escape;
mod explanation;
mod hops;
pub mod json;
pub mod ladder;
pub mod latency;
pub mod layout;
pub mod line;
pub mod losses;
mod passed_over;
mod plain;
pub mod summary;
pub mod text;
pub mod tree;
pub mod units;
mod usual;
pub mod words;

pub use explanation::Explanation;
pub use hops::place_name;
pub use json::JsonWriter;
pub use ladder::LadderWriter;
pub use layout::Layout;
pub use plain::Words;
pub use summary::Summary;
pub use text::TextWriter;
pub use tree::TreeWriter;
