//! The modules that ship with the binary, one TOML file each.

/// One shipped manifest.
pub(crate) struct Entry {
    /// The file in this folder: `github.toml`.
    pub(crate) file: &'static str,
    /// Its text.
    pub(crate) text: &'static str,
}

/// Every shipped manifest, by name. To add one, add its file and a line here.
pub(crate) const ENTRIES: [Entry; 4] = [
    Entry { file: "github.toml", text: include_str!("github.toml") },
    Entry { file: "notion.toml", text: include_str!("notion.toml") },
    Entry { file: "supabase.toml", text: include_str!("supabase.toml") },
    Entry { file: "supabase_data.toml", text: include_str!("supabase_data.toml") },
];

#[cfg(test)]
mod tests;
