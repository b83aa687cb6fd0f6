//! The production source of this repository.

use std::fs;
use std::path::{Path, PathBuf};

/// One source file.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// Its path from the root of the repository.
    pub(crate) file: String,
    /// Its text.
    pub(crate) text: String,
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every production file of the root package and of the backends.
pub(crate) fn sources() -> Vec<Source> {
    let mut found = below("src");
    for backend in backends() {
        found.extend(below(&format!("backends/{backend}/src")));
    }
    found
}

/// The names of the folders in `backends/`.
pub(crate) fn backends() -> Vec<String> {
    let entries = fs::read_dir(root().join("backends")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Every production file below `folder`.
pub(crate) fn below(folder: &str) -> Vec<Source> {
    let mut folders = vec![root().join(folder)];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                if name != "tests" {
                    folders.push(path);
                }
            } else if name.ends_with(".rs") && name != "tests.rs" {
                let file = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                found.push(Source { file, text: fs::read_to_string(&path).unwrap() });
            }
        }
    }
    found.sort_by(|one, other| one.file.cmp(&other.file));
    assert!(found.iter().any(|source| source.file.ends_with("src/lib.rs")), "no source below {folder}");
    found
}

/// The text of a file before its tests.
pub(crate) fn production(text: &str) -> &str {
    let tests =
        ["\n#[cfg(test)]\nmod ", "\n#[cfg(all(test,"].iter().filter_map(|start| text.find(start)).min();
    tests.map_or(text, |end| &text[..=end])
}

/// Sources from (file, text), for planted violations.
pub(crate) fn planted(files: &[(&str, &str)]) -> Vec<Source> {
    files.iter().map(|(file, text)| Source { file: (*file).to_owned(), text: (*text).to_owned() }).collect()
}
