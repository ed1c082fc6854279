//! Who the program becomes.

use clap::Args;

/// Who the program becomes.
#[derive(Clone, Debug, Default, Args)]
pub struct RunAs {
    /// Become this user, keeping of root's rights only what is still needed. Files that are written are this user's;
    /// docs/security.md says what works.
    #[arg(short = 'Z', long = "user", alias = "relinquish-privileges", value_name = "USER")]
    pub user: Option<String>,
}
