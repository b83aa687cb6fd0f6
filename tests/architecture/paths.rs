//! The paths that a source file names, from its text alone, with `use` trees expanded.

use std::collections::BTreeSet;

/// A path that a file names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Named {
    /// The path, from the root of the crate if it begins with `crate`, `super` or `self`.
    pub(crate) path: String,
    /// The name under which `use` imports it.
    pub(crate) import: Option<String>,
}

/// The paths that `text` names. `file` is its path from the root of the repository.
pub(crate) fn paths_in(file: &str, text: &str) -> BTreeSet<String> {
    named_in(file, text).into_iter().map(|named| named.path).collect()
}

/// Every path with `::` in `text`, and everything that `use` imports. Comments and strings do not count.
pub(crate) fn named_in(file: &str, text: &str) -> Vec<Named> {
    let tokens = tokens(&without_comments_and_strings(text));
    let module = module_of(file);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let import = at > 0 && tokens[at - 1] == "use";
        let begins = is_name(&tokens[at]) && (import || tokens.get(at + 1).is_some_and(|next| next == "::"));
        if begins {
            let mut leaves = Vec::new();
            at = spread(&tokens, at, String::new(), &mut leaves);
            found.extend(leaves.into_iter().map(|(path, alias)| {
                let last = path.rsplit("::").next().unwrap_or_default().to_owned();
                let import = import.then(|| alias.unwrap_or(last));
                Named { path: from_root(&path, &module), import }
            }));
        } else {
            at += 1;
        }
    }
    found
}

/// Reads one path or tree that begins at `at` after `prefix`, with the aliases of its leaves; returns its end.
fn spread(
    tokens: &[String],
    mut at: usize,
    prefix: String,
    leaves: &mut Vec<(String, Option<String>)>,
) -> usize {
    let mut path = prefix;
    loop {
        match tokens.get(at).map(String::as_str) {
            Some("{") => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token != "}") {
                    let before = at;
                    at = spread(tokens, at, path.clone(), leaves);
                    while tokens.get(at).is_some_and(|token| token != "," && token != "}") {
                        at += 1;
                    }
                    if tokens.get(at).is_some_and(|token| token == ",") || at == before {
                        at += 1;
                    }
                }
                return at + 1;
            }
            // `use a::{self}` is `use a`.
            Some("self") if !path.is_empty() => at += 1,
            Some(name) if is_name(name) || name == "*" => {
                if !path.is_empty() {
                    path.push_str("::");
                }
                path.push_str(name);
                at += 1;
            }
            _ => break,
        }
        if tokens.get(at).is_some_and(|token| token == "::") {
            at += 1;
        } else {
            break;
        }
    }
    let alias =
        (tokens.get(at).is_some_and(|token| token == "as")).then(|| tokens.get(at + 1).cloned()).flatten();
    leaves.push((path, alias));
    at
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// `src/a/b.rs` is `crate::a::b`, `src/a/mod.rs` is `crate::a`.
pub(crate) fn module_of(file: &str) -> Vec<String> {
    let inside = file.split_once("src/").map_or(file, |(_, inside)| inside);
    let inside = inside.trim_end_matches(".rs").trim_end_matches("mod").trim_end_matches('/');
    inside.split('/').filter(|name| !matches!(*name, "lib" | "main" | "")).map(str::to_owned).collect()
}

fn from_root(path: &str, module: &[String]) -> String {
    let mut here = module.to_vec();
    let mut relative = false;
    let mut rest = path.split("::").peekable();
    while let Some(step) = rest.next_if(|step| matches!(*step, "self" | "super")) {
        relative = true;
        if step == "super" {
            here.pop();
        }
    }
    let rest: Vec<&str> = rest.collect();
    if !relative {
        return path.to_owned();
    }
    let steps = std::iter::once("crate").chain(here.iter().map(String::as_str)).chain(rest);
    steps.collect::<Vec<_>>().join("::")
}

/// Names and `::`; every other character is a token.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c.is_ascii_alphanumeric() || c == '_' {
            let mut name = String::from(c);
            while let Some(more) = rest.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
                name.push(more);
            }
            tokens.push(name);
        } else if c == ':' && rest.peek() == Some(&':') {
            rest.next();
            tokens.push("::".into());
        } else if !c.is_whitespace() {
            tokens.push(c.into());
        }
    }
    tokens
}

/// `text` without comments and strings.
fn without_comments_and_strings(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, rest.peek()) {
            ('/', Some('/')) => {
                while rest.next().is_some_and(|c| c != '\n') {}
                kept.push('\n');
            }
            ('/', Some('*')) => {
                let mut before = ' ';
                for c in rest.by_ref() {
                    if before == '*' && c == '/' {
                        break;
                    }
                    before = c;
                }
            }
            ('\'', Some('"')) => {
                // The character `'"'`.
                rest.next();
            }
            ('r', Some('"' | '#')) if !kept.ends_with(|c: char| c.is_alphanumeric() || c == '_') => {
                let mut hashes = 0;
                while rest.next_if_eq(&'#').is_some() {
                    hashes += 1;
                }
                // Else a raw identifier.
                if rest.next_if_eq(&'"').is_some() {
                    skip_raw_string(&mut rest, hashes);
                }
            }
            ('"', _) => {
                let mut escaped = false;
                for c in rest.by_ref() {
                    if c == '"' && !escaped {
                        break;
                    }
                    escaped = c == '\\' && !escaped;
                }
            }
            _ => kept.push(c),
        }
    }
    kept
}

/// Skips the rest of a raw string that ends with a quotation mark and `hashes` hashes.
fn skip_raw_string(rest: &mut impl Iterator<Item = char>, hashes: usize) {
    let mut after_quote = None;
    for c in rest {
        after_quote = match (c, after_quote) {
            ('"', _) => Some(0),
            ('#', Some(count)) => Some(count + 1),
            _ => None,
        };
        if after_quote == Some(hashes) {
            return;
        }
    }
}
