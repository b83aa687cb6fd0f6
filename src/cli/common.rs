//! The options that every command accepts.

use clap::{Args, ValueHint};

/// The profile that is used if the command line names none.
pub(crate) const DEFAULT_PROFILE: &str = "dev";

/// The options that every command accepts.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// The profile: a name or a file. A name means your own `~/.config/cofferdam/NAME.toml` ($XDG_CONFIG_HOME) if it exists,
    /// else the profile of that name inside the binary (`embedded:NAME` always means that one). A value with a slash or with
    /// the ending `.toml` is a file
    #[arg(long, global = true, value_name = "NAME|FILE", default_value = DEFAULT_PROFILE, value_hint = ValueHint::FilePath)]
    pub(crate) profile: String,
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
}
