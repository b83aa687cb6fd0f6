//! Which paths a source file names, `use` trees spread out, from the text alone.

use std::collections::BTreeSet;

/// Every path with `::` in `text`, and every name brought in by `use`, seen from the crate's root where it begins
/// with `crate`, `super` or `self`. `file` is the path from the workspace's root. Comments and texts in quotes do
/// not count.
pub(crate) fn paths_in(file: &str, text: &str) -> BTreeSet<String> {
    let tokens = tokens(&without_comments_and_texts(text));
    let module = module_of(file);
    let mut found = BTreeSet::new();
    let mut at = 0;
    while at < tokens.len() {
        let begins = is_name(&tokens[at])
            && (tokens.get(at + 1).is_some_and(|next| next == "::") || at > 0 && tokens[at - 1] == "use");
        if begins {
            let mut paths = Vec::new();
            at = spread(&tokens, at, String::new(), &mut paths);
            found.extend(paths.iter().map(|path| from_root(path, &module)));
        } else {
            at += 1;
        }
    }
    found
}

/// Reads one path or tree that begins at `at` behind `prefix`; answers where it ends.
fn spread(tokens: &[String], mut at: usize, prefix: String, paths: &mut Vec<String>) -> usize {
    let mut path = prefix;
    loop {
        match tokens.get(at).map(String::as_str) {
            Some("{") => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token != "}") {
                    let before = at;
                    at = spread(tokens, at, path.clone(), paths);
                    // `as name`, `,` and whatever else stands between two branches.
                    while tokens.get(at).is_some_and(|token| token != "," && token != "}") {
                        at += 1;
                    }
                    if tokens.get(at).is_some_and(|token| token == ",") || at == before {
                        at += 1;
                    }
                }
                return at + 1;
            }
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
    paths.push(path);
    at
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// `src/a/b.rs` is `crate::a::b`, `src/a/mod.rs` is `crate::a`.
fn module_of(file: &str) -> Vec<String> {
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

/// Names, `::`, braces and commas; everything else is one token a character.
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

/// `text` without line comments, block comments and what stands in double quotes.
fn without_comments_and_texts(text: &str) -> String {
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
