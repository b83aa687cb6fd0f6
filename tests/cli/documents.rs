//! The commands in the documents exist: the program parses each of them completely.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cofferdam_testing::{cofferdam, root};

/// The arguments of each `cofferdam …` in a page: in its `sh` blocks, and in backticks.
fn commands(page: &str) -> BTreeSet<Vec<String>> {
    let mut found = BTreeSet::new();
    let mut block: Option<String> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), &mut block) {
            (Some(language), None) => block = Some(language.to_owned()),
            (Some(_), Some(_)) => block = None,
            (None, Some(language)) if language == "sh" => found.extend(in_line(line)),
            (None, Some(_)) => {}
            (None, None) => found.extend(line.split('`').skip(1).step_by(2).flat_map(in_line)),
        }
    }
    found
}

/// The arguments of each `cofferdam` in a line for a shell.
fn in_line(line: &str) -> Vec<Vec<String>> {
    // A placeholder may contain a single quotation mark; such a line is not a command.
    let words = shlex::split(line).unwrap_or_default();
    let ends = ["|", "||", "&&", "&", ";", "<", ">", ">>", "2>"];
    let commands = words.split(|word| ends.contains(&word.as_str()));
    let commands = commands.filter_map(|command| {
        let mut words = command.iter().skip_while(|word| word.contains('='));
        (words.next()? == "cofferdam").then(|| words.cloned().collect())
    });
    commands.collect()
}

/// Why the program rejects `args`. Runs nothing: with `--help`, it prints help once it has parsed all of them.
fn rejection(args: &[String]) -> Option<String> {
    let output = cofferdam().args(args).arg("--help").output().unwrap();
    (output.status.code() != Some(0)).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Every page: in the root, and below `docs` and `deploy`.
fn pages() -> Vec<PathBuf> {
    let root = root();
    let entries = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let mut folders: Vec<PathBuf> = vec![root.join("docs"), root.join("deploy")];
    let mut found: Vec<PathBuf> = entries(root);
    while let Some(folder) = folders.pop() {
        let inside: Vec<PathBuf> = entries(&folder);
        let (below, here) = inside.into_iter().partition(|path| path.is_dir());
        folders.extend::<Vec<_>>(below);
        found.extend::<Vec<_>>(here);
    }
    found.retain(|path| path.extension().is_some_and(|ending| ending == "md"));
    found
}

#[test]
fn every_command_in_a_document_is_one_that_the_binary_takes() {
    let (mut problems, mut checked) = (Vec::new(), BTreeSet::new());
    for page in pages() {
        for command in commands(&fs::read_to_string(&page).unwrap()) {
            if let Some(why) = rejection(&command) {
                problems.push(format!("{}: cofferdam {}\n{why}", page.display(), command.join(" ")));
            }
            checked.insert(command);
        }
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    let known = ["call", "github", "get_authenticated_user"].map(str::to_owned);
    assert!(checked.contains(known.as_slice()), "the walk found no command of the README: {checked:?}");
}

#[test]
fn a_planted_command_is_found() {
    let page = "Run `cofferdam doctor --now`, not `COFFERDAM_LOG`.\n```sh\n\
                A=b cofferdam call m t '{\"a\": 1}' | jq .   # cofferdam no\n\
                umask 077 && cofferdam sevre > out &\n```\n```text\ncofferdam: words\n```\n";
    let found: Vec<String> = commands(page).iter().map(|command| command.join(" ")).collect();
    assert_eq!(found, ["call m t {\"a\": 1}", "doctor --now", "sevre"]);
    let rejected = commands(page).iter().filter(|command| rejection(command).is_some()).count();
    assert_eq!(rejected, 2, "all but the call are wrong");
}
