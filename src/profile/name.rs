//! The names that vaults, modules and accounts may have.

use cofferdam_vault::SecretPath;

/// The pattern of a name: what fits a segment of a secret's path.
pub(super) const NAME_PATTERN: &str = "^[a-z0-9][a-z0-9_-]{0,63}$";

/// How to correct a name.
pub(super) const NAME_HELP: &str =
    "use 1 to 64 characters of a-z, 0-9, _ and -, starting with a letter or digit";

/// Whether `name` fits [`NAME_PATTERN`].
pub(super) fn is_name(name: &str) -> bool {
    !name.contains('/') && name.parse::<SecretPath>().is_ok()
}
