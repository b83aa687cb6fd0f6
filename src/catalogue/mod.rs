//! The modules that ship with the binary, one TOML file each.
