//! Which crates of this repository may depend on which.

use std::path::PathBuf;
use std::process::Command;

use serde::Deserialize;

use crate::sources::root;

/// Diagnostics, TOML, durations and sizes: depends on no crate of this repository.
const CONFIG: &str = "cofferdam-config";

/// The macro of `CONFIG`, which only `CONFIG` depends on.
const CONFIG_MACROS: &str = "cofferdam-config-macros";

/// The contract of the backends.
const CONTRACT: &str = "cofferdam-vault";

/// Starts the real programs that the tests need: depends on no crate of this repository.
const SERVERS: &str = "cofferdam-servers";

/// What tests, benches and examples share.
const TESTING: &str = "cofferdam-testing";

/// What the fuzz targets do: no crate depends on it, except for the workspace in `fuzz`.
const FUZZ_TARGETS: &str = "cofferdam-fuzz-targets";

/// The tests against real programs: no crate depends on them.
const REAL_TESTS: &str = "cofferdam-real-tests";

/// The part of `cargo metadata` about the crates of this repository.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    #[serde(default)]
    kind: DependencyKind,
}

/// `cargo metadata` writes `null` for a normal dependency.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(from = "Option<String>")]
enum DependencyKind {
    #[default]
    Normal,
    Development,
    Build,
}

impl From<Option<String>> for DependencyKind {
    fn from(kind: Option<String>) -> Self {
        match kind.as_deref() {
            None => Self::Normal,
            Some("dev") => Self::Development,
            Some("build") => Self::Build,
            Some(other) => panic!("cargo metadata has a new kind of dependency: {other}"),
        }
    }
}

impl Metadata {
    fn read() -> Self {
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"])
            .arg(root().join("Cargo.toml"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// A dependency between crates of this repository.
#[derive(Clone)]
struct Arrow {
    from: String,
    to: String,
    kind: DependencyKind,
}

/// The forbidden dependencies; `backends` are the crates in `backends/`.
fn wrong_arrows(arrows: &[Arrow], backends: &[String]) -> Vec<String> {
    let allowed = |Arrow { from, to, kind }: &Arrow| match from.as_str() {
        CONFIG => to == CONFIG_MACROS,
        _ if to == CONFIG_MACROS => false,
        CONFIG_MACROS | SERVERS => false,
        CONTRACT => to == CONFIG,
        TESTING => to != REAL_TESTS,
        REAL_TESTS => true,
        FUZZ_TARGETS => ![SERVERS, TESTING, REAL_TESTS].contains(&to.as_str()),
        backend if backends.iter().any(|name| name == backend) => to == CONTRACT || to == CONFIG,
        _ => backends.contains(to) || (*kind == DependencyKind::Development && to == TESTING),
    };
    arrows
        .iter()
        .filter(|arrow| !allowed(arrow))
        .map(|Arrow { from, to, kind }| format!("{from} depends on {to} ({kind:?})"))
        .collect()
}

#[test]
fn backends_depend_on_the_contract_alone() {
    let metadata = Metadata::read();
    let ours: Vec<String> = metadata.packages.iter().map(|package| package.name.clone()).collect();
    let below = |folder: &str| -> Vec<String> {
        let folder = root().join(folder);
        let inside = metadata.packages.iter().filter(|package| package.manifest_path.starts_with(&folder));
        inside.map(|package| package.name.clone()).collect()
    };
    let backends = below("backends");
    assert!(backends.iter().any(|name| name == CONTRACT), "the contract was not found: {backends:?}");
    let arrows: Vec<Arrow> = metadata
        .packages
        .iter()
        .flat_map(|package| {
            package.dependencies.iter().map(|dependency| Arrow {
                from: package.name.clone(),
                to: dependency.name.clone(),
                kind: dependency.kind,
            })
        })
        // A crate may switch on its own features for its tests.
        .filter(|arrow| ours.contains(&arrow.to) && arrow.from != arrow.to)
        .collect();
    let problems = wrong_arrows(&arrows, &backends);
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn a_planted_arrow_is_found() {
    let backends =
        [CONFIG, CONFIG_MACROS, CONTRACT, "cofferdam-vault-env", "cofferdam-vault-age"].map(str::to_owned);
    let arrow = |from: &str, to: &str, kind| Arrow { from: from.into(), to: to.into(), kind };
    let wrong = [
        arrow(CONFIG_MACROS, CONFIG, DependencyKind::Normal),
        arrow("cofferdam", CONFIG_MACROS, DependencyKind::Normal),
        arrow(CONFIG, CONTRACT, DependencyKind::Normal),
        arrow(CONTRACT, "cofferdam-vault-env", DependencyKind::Normal),
        arrow(CONTRACT, "cofferdam", DependencyKind::Development),
        arrow("cofferdam-vault-env", "cofferdam-vault-age", DependencyKind::Normal),
        arrow("cofferdam-vault-env", "cofferdam-vault-age", DependencyKind::Development),
        arrow("cofferdam-vault-env", "cofferdam", DependencyKind::Build),
        arrow("cofferdam-vault-env", TESTING, DependencyKind::Development),
        arrow(SERVERS, "cofferdam", DependencyKind::Normal),
        arrow(TESTING, REAL_TESTS, DependencyKind::Normal),
        arrow("cofferdam", TESTING, DependencyKind::Normal),
        arrow("cofferdam", REAL_TESTS, DependencyKind::Development),
        arrow("cofferdam", SERVERS, DependencyKind::Normal),
        arrow("cofferdam", FUZZ_TARGETS, DependencyKind::Development),
        arrow(FUZZ_TARGETS, TESTING, DependencyKind::Normal),
    ];
    for planted in wrong {
        let found = wrong_arrows(std::slice::from_ref(&planted), &backends);
        assert_eq!(found.len(), 1, "{} may depend on {}", planted.from, planted.to);
    }
    let right = [
        arrow(CONFIG, CONFIG_MACROS, DependencyKind::Normal),
        arrow("cofferdam-vault-env", CONTRACT, DependencyKind::Normal),
        arrow("cofferdam-vault-env", CONFIG, DependencyKind::Normal),
        arrow(CONTRACT, CONFIG, DependencyKind::Normal),
        arrow(TESTING, SERVERS, DependencyKind::Normal),
        arrow(FUZZ_TARGETS, "cofferdam", DependencyKind::Normal),
        arrow("cofferdam", TESTING, DependencyKind::Development),
        arrow("cofferdam", "cofferdam-vault-env", DependencyKind::Normal),
    ];
    assert_eq!(wrong_arrows(&right, &backends), [""; 0]);
}
