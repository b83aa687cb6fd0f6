//! The settings that a vault works with, with resolved paths.

use std::path::PathBuf;

/// The resolved settings of a session.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) region: Option<String>,
    pub(crate) profile: Option<String>,
    pub(crate) config_file: Option<PathBuf>,
    pub(crate) credentials_file: Option<PathBuf>,
    pub(crate) role: Option<Role>,
    pub(crate) endpoint: Option<String>,
}

/// A role to assume.
#[derive(Clone)]
pub(crate) struct Role {
    pub(crate) arn: String,
    pub(crate) external_id: Option<String>,
    pub(crate) session_name: String,
    pub(crate) endpoint: Option<String>,
}
