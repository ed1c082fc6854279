//! Makes text from the wire and from the daemon safe to show: [`crate::hostile`] says what is not.

pub use crate::hostile::escape;
