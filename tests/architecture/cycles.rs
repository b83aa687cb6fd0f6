//! No cycles: between the folders of `src/`, between the parts of each folder, and between the files of each backend crate.

use crate::graph::{Crate, Edges, cycles, grouped};
use crate::sources::{Source, backends, below};

/// The folder or file directly below `src/` that a file belongs to. `lib.rs` only declares them.
pub(crate) fn top_level(file: &str) -> Option<String> {
    let inside = file.strip_prefix("src/")?;
    let name = inside.split('/').next()?.trim_end_matches(".rs");
    (name != "lib").then(|| name.to_owned())
}

/// The part of `folder` that a file belongs to: a file or a folder in it. Its `mod.rs` puts the parts together and is none.
fn part_of(folder: &str, file: &str) -> Option<String> {
    let inside = file.strip_prefix(folder)?.strip_prefix('/')?;
    let name = inside.split('/').next()?;
    (name != "mod.rs").then(|| format!("{folder}/{}", name.trim_end_matches(".rs")))
}

/// The edges between the folders of `src/`.
pub(crate) fn folder_edges(sources: &[Source]) -> Edges {
    grouped(&Crate::new(sources).edges(), top_level)
}

/// The cycles between the folders of `src/`.
fn folder_cycles(sources: &[Source]) -> Vec<String> {
    cycles(&folder_edges(sources))
}

/// The cycles between the parts of each folder below `src/`.
fn part_cycles(sources: &[Source]) -> Vec<String> {
    let edges = Crate::new(sources).edges();
    let folders = sources.iter().filter_map(|source| source.file.strip_suffix("/mod.rs"));
    folders.flat_map(|folder| cycles(&grouped(&edges, |file| part_of(folder, file)))).collect()
}

/// The cycles between the files of a crate.
fn file_cycles(sources: &[Source]) -> Vec<String> {
    cycles(&Crate::new(sources).edges())
}

#[test]
fn no_cycle_between_the_folders_of_src() {
    let sources = below("src");
    println!("folder: the folders that it names");
    for (folder, targets) in folder_edges(&sources) {
        println!("{folder}: {}", targets.into_keys().collect::<Vec<_>>().join(", "));
    }
    let problems = folder_cycles(&sources);
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn no_cycle_between_the_parts_of_a_folder() {
    let problems = part_cycles(&below("src"));
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn no_cycle_between_the_files_of_a_backend() {
    let backends = backends();
    let problems: Vec<String> =
        backends.iter().flat_map(|backend| file_cycles(&below(&format!("backends/{backend}/src")))).collect();
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn a_planted_cycle_is_found() {
    use crate::sources::planted;
    let folders = [
        ("src/lib.rs", "pub mod a;\npub mod b;\npub mod c;"),
        ("src/a/mod.rs", "mod x;\npub use x::X;"),
        ("src/a/x.rs", "use crate::b::B;\npub struct X;"),
        ("src/b.rs", "pub use crate::c::C;\npub struct B;"),
        ("src/c/mod.rs", "use crate::a;\npub struct C(a::X);"),
    ];
    assert_eq!(folder_cycles(&planted(&folders)).len(), 1);
    let without = [folders[0], folders[1], folders[2], folders[3], ("src/c/mod.rs", "pub struct C;")];
    assert_eq!(folder_cycles(&planted(&without)), [""; 0]);

    let parts = [
        ("src/lib.rs", "pub mod a;"),
        ("src/a/mod.rs", "mod one;\nmod two;\npub struct Shared;"),
        ("src/a/one.rs", "use super::Shared;\nuse super::two::Two;\npub struct One;"),
        ("src/a/two/mod.rs", "mod deep;\npub use deep::Two;"),
        ("src/a/two/deep.rs", "use crate::a::one::One;\npub struct Two;"),
    ];
    assert_eq!(part_cycles(&planted(&parts)).len(), 1);
    let without = [parts[0], parts[1], parts[2], parts[3], ("src/a/two/deep.rs", "pub struct Two;")];
    assert_eq!(part_cycles(&planted(&without)), [""; 0]);

    let files = [
        ("backends/x/src/lib.rs", "mod config;\nmod vault;\npub use config::Config;"),
        ("backends/x/src/config.rs", "use crate::vault::Vault;\npub struct Config;"),
        ("backends/x/src/vault.rs", "use crate::Config;\npub struct Vault;"),
    ];
    assert_eq!(file_cycles(&planted(&files)).len(), 1, "through a re-export");
    let without = [files[0], ("backends/x/src/config.rs", "pub struct Config;"), files[2]];
    assert_eq!(file_cycles(&planted(&without)), [""; 0]);
}
