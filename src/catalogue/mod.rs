//! The modules that ship with the binary, one TOML file each.

/// One shipped manifest: its path below this folder, and its text.
pub(crate) struct Entry {
    /// `github.toml`.
    pub(crate) file: &'static str,
    /// The manifest.
    pub(crate) text: &'static str,
}

/// Every shipped manifest, by name. A new one is a file here and a line in this list.
pub(crate) const ENTRIES: [Entry; 4] = [
    Entry { file: "github.toml", text: include_str!("github.toml") },
    Entry { file: "notion.toml", text: include_str!("notion.toml") },
    Entry { file: "supabase.toml", text: include_str!("supabase.toml") },
    Entry { file: "supabase_data.toml", text: include_str!("supabase_data.toml") },
];

#[cfg(test)]
mod tests;
