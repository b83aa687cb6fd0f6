//! The order of the folders of `src/`: a file names only what is on a lower floor.

use crate::cycles::folder_edges;
use crate::sources::{Source, below};

/// From the top to the bottom. The backend crates, the contract and `cofferdam-config` are below all of them.
const FLOORS: [&str; 17] = [
    "main",
    "cli",
    "http",
    "mcp",
    "calls",
    "registry",
    "profile",
    "manifest",
    "catalogue",
    "connectors",
    "broker",
    "memory_budget",
    "caller",
    "json_meter",
    "placeholders",
    "background",
    "os",
];

/// The names of a higher floor, and the folders that have none.
fn wrong_floors(sources: &[Source]) -> Vec<String> {
    let floor = |folder: &str| FLOORS.iter().position(|name| *name == folder);
    let mut problems = Vec::new();
    for (folder, targets) in folder_edges(sources) {
        let Some(own) = floor(&folder) else {
            problems.push(format!("src/{folder} has no floor: add it to FLOORS"));
            continue;
        };
        let higher = targets.iter().filter(|(target, _)| floor(target).is_some_and(|floor| floor < own));
        problems.extend(higher.map(|(target, why)| format!("{folder} is below {target}: {why}")));
    }
    problems
}

#[test]
fn a_file_names_only_what_is_on_a_lower_floor() {
    let problems = wrong_floors(&below("src"));
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn a_planted_name_of_a_higher_floor_is_found() {
    use crate::sources::planted;
    let files = [
        ("src/lib.rs", "pub mod broker;\npub mod http;\npub mod mcp;"),
        ("src/broker/mod.rs", "pub struct Broker;"),
        ("src/http/mod.rs", "use crate::mcp::Handler;\nuse crate::broker::Broker;"),
        ("src/mcp/mod.rs", "pub struct Handler;"),
    ];
    assert_eq!(wrong_floors(&planted(&files)), [""; 0]);
    let broken = [files[0], ("src/broker/mod.rs", "use crate::http::Server;"), files[2], files[3]];
    assert_eq!(wrong_floors(&planted(&broken)).len(), 1);
    assert_eq!(wrong_floors(&planted(&[files[0], ("src/cellar.rs", "fn f() {}")])).len(), 1);
}
