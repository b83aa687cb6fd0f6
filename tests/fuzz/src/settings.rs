//! Profiles and manifests: whatever a file says, its problems are reported, and no secret of it is.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use cofferdam::manifest::ManifestLibrary;
use cofferdam::profile::{self, Overrides, ProfileError, Source};

use crate::CANARY;

static MANIFESTS: LazyLock<ManifestLibrary> = LazyLock::new(|| ManifestLibrary::load(None));

/// A profile is checked twice with the same result, and its report holds no secret.
pub fn profile(data: &[u8]) {
    let text = String::from_utf8_lossy(data).into_owned();
    let (first, second) = (check_profile(&text), check_profile(&text));
    assert_eq!(first, second, "the result depends on more than the text");
    assert!(!first.contains(CANARY), "{first}");
    let problems = first.lines().count();
    // A line may have several problems. Each is a few lines long.
    assert!(problems <= 100 + 20 * text.lines().count() + text.len(), "{problems} lines of report");
}

fn check_profile(text: &str) -> String {
    let source = Source::new("fuzz", PathBuf::from("fuzz.toml"), Path::new("/nonexistent"), text.to_owned());
    let checked = profile::parse(&source, &Overrides::default()).and_then(|draft| draft.check(&MANIFESTS));
    match checked {
        Ok(profile) => format!("{:?}", profile.warnings),
        Err(error) => report(&error),
    }
}

fn report(error: &ProfileError) -> String {
    format!("{error:?} {}", error.report())
}

/// A manifest is checked twice with the same result, and its problems hold no secret.
pub fn manifest(data: &[u8]) {
    let text = String::from_utf8_lossy(data).into_owned();
    let (first, second) = (check_manifest(&text), check_manifest(&text));
    assert_eq!(first, second, "the result depends on more than the text");
    assert!(!first.contains(CANARY), "{first}");
}

fn check_manifest(text: &str) -> String {
    let library = ManifestLibrary::from_text("fuzz.toml", text);
    let mut found = format!("{:?}", library.unused_invalid(&[]));
    for invalid in library.unused_invalid(&[]) {
        found.push_str(&invalid.diagnostics.to_string());
    }
    for name in library.names() {
        let Ok(manifest) = library.get(name) else { continue };
        // A tool's schema is compiled: it must judge any arguments.
        for tool in &manifest.tools {
            let _ = tool.check(&serde_json::Map::new());
        }
        found.push_str(&manifest.tools.len().to_string());
    }
    found
}
