//! The tools of a module, one a line, with what many of them have in common said once.

use std::collections::HashMap;
use std::iter;

use super::signature::{self, Argument, LEFT_OUT};
use super::tools::GET_MODULE_SCHEMA;
use crate::calls::MAX_ANSWER_BYTES;
use crate::manifest::Tool;
use crate::registry::Module;

/// The size of a list, in bytes: 40 tools in 6 KB, which are some 1,500 tokens. A list may be longer only once its
/// descriptions are left out.
const BYTES_PER_TOOL: usize = 150;
const MIN_BYTES: usize = 4096;

/// In how many tools an argument must be for its type to be said once for all.
const SHARED_FROM: usize = 3;

/// How long the clauses of descriptions may be, in bytes.
const LONGEST_CLAUSES: [usize; 12] = [200, 120, 80, 76, 72, 68, 64, 60, 56, 52, 48, 40];

#[derive(Clone, Copy)]
enum Detail {
    /// The first sentence.
    Sentence,
    /// The first part of it, and so many bytes at most.
    Clause(usize),
    None,
}

/// How much of the descriptions a list may show, from the most to the least.
fn details() -> impl Iterator<Item = Detail> {
    let clauses = LONGEST_CLAUSES.into_iter().map(Detail::Clause);
    iter::once(Detail::Sentence).chain(clauses).chain(iter::once(Detail::None))
}

/// Lists all tools of `module`, in at most [`MAX_ANSWER_BYTES`].
pub(super) fn list(module: &Module) -> String {
    let tools: Vec<Line<'_>> = module.tools.iter().map(|tool| Line::new(tool)).collect();
    let shared = shared(&tools);
    let head = head(module, &shared);
    let limit = (tools.len() * BYTES_PER_TOOL).clamp(MIN_BYTES, MAX_ANSWER_BYTES);
    for detail in details() {
        let limit = if matches!(detail, Detail::None) { MAX_ANSWER_BYTES } else { limit };
        let mut text = head.clone();
        let fits = |tool: &Line<'_>| {
            tool.write(detail, &shared, &mut text);
            text.len() <= limit
        };
        if tools.iter().all(fits) {
            return text;
        }
    }
    names(module)
}

/// `accounts work (default), personal`.
pub(super) fn accounts(module: &Module) -> String {
    let several = module.accounts.len() > 1;
    let mark = |at: usize| if several && at == 0 { " (default)" } else { "" };
    let names: Vec<String> = module
        .accounts
        .iter()
        .enumerate()
        .map(|(at, account)| format!("{}{}", account.name, mark(at)))
        .collect();
    format!("{} {}", if several { "accounts" } else { "account" }, names.join(", "))
}

/// One tool with all types, and its whole description: `github.get_issue(…) — One issue or pull request. [read]`.
pub(super) fn whole_line(module: &Module, tool: &Tool) -> String {
    let arguments = signature::of_schema(&tool.operation.input_schema);
    let description = one_line(&tool.description);
    format!("{}.{}({arguments}) — {description} [{}]\n", module.name, tool.name, signature::effect(tool))
}

/// A tool of the list.
struct Line<'t> {
    tool: &'t Tool,
    arguments: Vec<Argument<'t>>,
}

impl<'t> Line<'t> {
    fn new(tool: &'t Tool) -> Self {
        Self { tool, arguments: signature::arguments(&tool.operation.input_schema) }
    }

    fn write(&self, detail: Detail, shared: &Shared<'_>, text: &mut String) {
        let arguments = signature::list(&self.arguments, |argument| shared.knows(argument));
        let description = match detail {
            Detail::Sentence => first_sentence(&self.tool.description).to_owned(),
            Detail::Clause(bytes) => cut(first_clause(&self.tool.description), bytes),
            Detail::None => String::new(),
        };
        let dash = if description.is_empty() { "" } else { " — " };
        let effect = signature::effect(self.tool);
        text.push_str(&format!(
            "{}({arguments}){dash}{} [{effect}]\n",
            self.tool.name,
            one_line(&description)
        ));
    }
}

/// The arguments that several tools have with the same type.
struct Shared<'t> {
    /// By name: the type that is said once, and what to say with it.
    by_name: HashMap<&'t str, (String, Option<&'t str>)>,
    /// In the order of the tools.
    names: Vec<&'t str>,
}

impl Shared<'_> {
    /// Whether the type of an argument need not be repeated: it is shared, or a string.
    fn knows(&self, argument: &Argument<'_>) -> bool {
        match self.by_name.get(argument.name) {
            Some((kind, _)) => *kind == argument.kind,
            None => argument.kind == "string",
        }
    }
}

fn shared<'t>(tools: &[Line<'t>]) -> Shared<'t> {
    let mut names: Vec<&'t str> = Vec::new();
    let mut uses: HashMap<&'t str, Vec<&Argument<'t>>> = HashMap::new();
    for argument in tools.iter().flat_map(|tool| &tool.arguments) {
        let of_name = uses.entry(argument.name).or_default();
        if of_name.is_empty() {
            names.push(argument.name);
        }
        of_name.push(argument);
    }
    let mut by_name = HashMap::new();
    names.retain(|name| {
        let of_name = uses.get(name).map(Vec::as_slice).unwrap_or_default();
        let Some((kind, of_kind)) = most_frequent(of_name) else { return false };
        // A description is true for all tools only if it is the same in all.
        let first = of_kind.first().and_then(|argument| argument.note);
        let note = first.filter(|_| {
            of_name.len() == of_kind.len() && of_kind.iter().all(|argument| argument.note == first)
        });
        let said = of_kind.len() >= SHARED_FROM && (kind != "string" || note.is_some());
        if said {
            by_name.insert(*name, (kind.to_owned(), note));
        }
        said
    });
    Shared { by_name, names }
}

/// The most frequent type, with the arguments that have it.
fn most_frequent<'a, 't>(arguments: &[&'a Argument<'t>]) -> Option<(&'a str, Vec<&'a Argument<'t>>)> {
    let of_kind = |kind: &str| arguments.iter().filter(|argument| argument.kind == kind).count();
    // Of several the first.
    let kind =
        arguments.iter().rev().map(|argument| argument.kind.as_str()).max_by_key(|kind| of_kind(kind))?;
    Some((kind, arguments.iter().copied().filter(|argument| argument.kind == kind).collect()))
}

fn head(module: &Module, shared: &Shared<'_>) -> String {
    let mut text = format!("{} ({}): {}.", module.name, module.service.title, accounts(module));
    if module.accounts.len() > 1 {
        text.push_str(" A write must name its `account`.");
    }
    let said = shared.names.iter().filter_map(|name| {
        let (kind, note) = shared.by_name.get(name)?;
        let kind = if kind == "string" { String::new() } else { format!(": {kind}") };
        let note = note.map(|note| format!(" ({})", one_line(note))).unwrap_or_default();
        Some(format!("{name}{kind}{note}"))
    });
    let said: Vec<String> = said.collect();
    text.push_str(&format!(
        " `?` is optional. {GET_MODULE_SCHEMA} with `tool` shows all of one tool, and what `{LEFT_OUT}` leaves out.\n\
         An argument without a type is a string"
    ));
    if !said.is_empty() {
        text.push_str(", or one of these: ");
        text.push_str(&said.join("; "));
    }
    text.push_str(".\n\n");
    text
}

/// The names of the tools, as many as fit.
fn names(module: &Module) -> String {
    let mut text = format!(
        "{} ({}): {}. Ask again with `query`, or with `tool`. Tools:",
        module.name,
        module.service.title,
        accounts(module)
    );
    for (at, tool) in module.tools.iter().enumerate() {
        // Space for the number of the others.
        if text.len() + tool.name.len() > MAX_ANSWER_BYTES - 64 {
            text.push_str(&format!(" … and {} more", module.tools.len() - at));
            break;
        }
        text.push(' ');
        text.push_str(&tool.name);
    }
    text.push('\n');
    text
}

/// `text` without line breaks.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn first_sentence(text: &str) -> &str {
    first_part(text, &['.'])
}

/// The first sentence, up to a colon or a semicolon in it.
fn first_clause(text: &str) -> &str {
    first_part(text, &['.', ':', ';'])
}

/// What is before the first of `ends` that a space follows, or before a final one.
fn first_part<'t>(text: &'t str, ends: &[char]) -> &'t str {
    let text = text.trim();
    let end = text.match_indices(ends).find(|(at, end)| {
        let word = text[..*at].rsplit([' ', '(']).next().unwrap_or_default();
        let rest = &text[at + end.len()..];
        (rest.is_empty() || rest.starts_with(char::is_whitespace)) && !matches!(word, "e.g" | "i.e" | "etc")
    });
    end.map_or(text, |(at, _)| &text[..at])
}

/// At most `bytes` of `text`, whole words of it.
fn cut(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let end = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= bytes).last().unwrap_or(0);
    let whole = text[..end].rfind(' ').unwrap_or(end);
    format!("{}…", text[..whole].trim_end_matches([',', ' ']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::PathTemplate;
    use crate::caller::Caller;
    use crate::manifest::ManifestLibrary;
    use crate::profile::{AccountEntry, ModuleEntry, ToolFilter};
    use crate::registry::Registry;

    /// The list of a module with so many tools, each with a long description and eight arguments.
    fn listed(tools: usize) -> String {
        let mut manifest = String::from(
            "format = 1\nname = \"m\"\nversion = \"1.0.0\"\ntitle = \"M\"\ndescription = \"All of it\"\n\
             http = { base_url = \"https://m.example\" }\ncredential = { kind = \"bearer\" }\n",
        );
        for at in 0..tools {
            let words = "word ".repeat(180);
            manifest.push_str(&format!(
                "[[tools]]\nname = \"a_tool_with_a_name_{at}\"\ndescription = \"Does {words}\"\nside_effect = \"none\"\n\
                 request = {{ method = \"GET\", path = \"/\", query = [\"a{at}\", \"b{at}\"] }}\n\
                 input.properties.a{at} = {{ type = \"integer\", description = \"One\" }}\n\
                 input.properties.b{at} = {{ enum = [\"x\", \"y\"], description = \"Two\" }}\n"
            ));
        }
        let manifests = ManifestLibrary::from_files([("m/m.toml", manifest.as_str())]);
        let entry = ModuleEntry {
            name: "m".into(),
            vault: "vault".into(),
            manifest: "m".into(),
            accounts: vec![AccountEntry { name: "work".into(), base_url: None }],
            base_url: None,
            path: PathTemplate::default(),
            insecure_http: false,
            tools: ToolFilter::default(),
            in_flight: None,
            queue: None,
            lookups: None,
        };
        let registry = Registry::load(&[entry], &manifests);
        list(registry.module(&Caller::local(), "m").unwrap())
    }

    #[test]
    fn a_list_has_less_detail_the_more_tools_there_are_and_never_too_much() {
        let few = listed(4);
        assert!(few.contains(") — Does word word") && few.len() <= MIN_BYTES, "{few}");
        let more = listed(40);
        assert!(more.contains("word… [read]") && more.len() <= 40 * BYTES_PER_TOOL, "{more}");
        let many = listed(1000);
        assert!(many.contains("a_tool_with_a_name_999(a999?: integer, b999?: x|y)"), "{} bytes", many.len());
        assert!(many.len() <= MAX_ANSWER_BYTES);
        let too_many = listed(6000);
        assert!(
            too_many.len() <= MAX_ANSWER_BYTES && too_many.contains(" more\n"),
            "{} bytes",
            too_many.len()
        );
    }

    #[test]
    fn a_description_ends_at_a_sentence_or_a_clause() {
        let text = "Write a file (e.g. a page): create it. Or change it.";
        assert_eq!(first_sentence(text), "Write a file (e.g. a page): create it");
        assert_eq!(first_clause(text), "Write a file (e.g. a page)");
        assert_eq!(first_sentence("Version 1.2 of it."), "Version 1.2 of it");
        assert_eq!(cut("List the files, all of them", 16), "List the files…");
        assert_eq!(cut("Größe", 3), "Gr…");
        assert_eq!(one_line(" a\n  b "), "a b");
    }
}
