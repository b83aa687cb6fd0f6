//! The documents: each error code and each profile has its section or page, and each link leads to a file.
//!
//! `tests/cli/documents.rs` checks the commands in them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use cofferdam::calls::Code;

use crate::sources::root;

/// The differences between `expected` and `found`, one line each.
fn differences(expected: &BTreeSet<String>, found: &BTreeSet<String>, location: &str) -> Vec<String> {
    let missing = expected.difference(found).map(|name| format!("{location} does not describe `{name}`"));
    let stale =
        found.difference(expected).map(|name| format!("{location} describes `{name}`, which does not exist"));
    missing.chain(stale).collect()
}

/// The names that have a section in the page: `### ` and the name in backticks.
fn sections(page: &str) -> BTreeSet<String> {
    let names =
        page.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`').map(str::to_owned));
    names.collect()
}

/// The names of the files in `folder` with this ending, without it.
fn files(folder: &str, ending: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().file_name());
    entries.filter_map(|name| Some(name.to_str()?.strip_suffix(ending)?.to_owned())).collect()
}

/// The targets of the page's links within the repository, without their anchors.
fn links(page: &str) -> Vec<&str> {
    let after = page.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let targets = after.map(|(target, _)| target.split('#').next().unwrap_or_default());
    targets.filter(|target| !target.is_empty() && !target.contains("://")).collect()
}

/// Every page: in the root, and below `docs` and `deploy`.
fn pages() -> Vec<String> {
    let mut folders = vec!["docs".to_owned(), "deploy".to_owned()];
    let mut found: Vec<String> = files("", ".md").into_iter().map(|name| format!("{name}.md")).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                folders.push(name);
            } else if name.ends_with(".md") {
                found.push(name);
            }
        }
    }
    found
}

#[test]
fn troubleshooting_has_a_section_of_every_code_and_of_no_other() {
    let codes = Code::ALL.iter().map(|code| code.as_str().to_owned()).collect();
    let page = fs::read_to_string(root().join("docs/troubleshooting.md")).unwrap();
    let problems = differences(&codes, &sections(&page), "docs/troubleshooting.md");
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn every_profile_has_its_page_and_every_page_its_profile() {
    let (profiles, pages) = (files("profiles", ".toml"), files("docs/profiles", ".md"));
    assert!(profiles.contains("dev"), "{profiles:?}");
    let problems = differences(&profiles, &pages, "docs/profiles");
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn every_link_leads_to_a_file() {
    let pages = pages();
    assert!(["README.md", "docs/profiles/dev.md"].iter().all(|page| pages.iter().any(|found| found == page)));
    let mut problems = Vec::new();
    for page in &pages {
        let text = fs::read_to_string(root().join(page)).unwrap();
        let folder = root().join(page).parent().map(Path::to_owned).unwrap_or_default();
        let dead = links(&text).into_iter().filter(|target| !folder.join(target).exists());
        problems.extend(dead.map(|target| format!("{page} links to {target}")));
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn a_planted_gap_is_found() {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let page = "# Page\n\n## Other\n\n### `known`\n\ntext\n\n### `gone`\n";
    let problems = differences(&set(&["known", "new"]), &sections(page), "page");
    assert_eq!(problems, ["page does not describe `new`", "page describes `gone`, which does not exist"]);
    let page = "[a](a.md#part) [b](https://b.example/x) [c](#here)\n![d](d/e.svg)";
    assert_eq!(links(page), ["a.md", "d/e.svg"]);
}
