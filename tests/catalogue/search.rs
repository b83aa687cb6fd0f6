//! A model's words find the tool that it needs, among twenty thousand.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use cofferdam::access::Caller;
use cofferdam::profile::{AccountEntry, ModuleEntry};
use cofferdam::registry::{Manifests, Registry};

/// How many questions there are, and how many must find their tool among the first three.
const QUESTIONS: usize = 40;
const FOUND: usize = 36;

/// Modules beside the catalogue's, of twenty tools each.
const FILLERS: usize = 1000;

const FIRST: &str = "amber brisk cedar delta ember flint grove harbor iris juniper kelp linden maple north onyx pearl \
     quartz river slate tundra umber violet willow xenon yarrow zephyr alder birch coral dune elm fern";
const LAST: &str = "desk flow forge hub lane ledger link loom mail mill nest note pad path peak pulse relay ring shelf \
     ship sign sky spark stack stream tide tower vault wave wire yard zone";
/// What their tools are about: much of it is what the catalogue's are about too.
const NOUNS: &str = "invoice order customer contact ticket page comment file user message event report task project \
     branch row table record document folder build deployment alert server database query workflow release \
     notification issue review member label webhook payment refund coupon product cart shipment campaign lead deal \
     pipeline survey form template schedule room booking device sensor image video playlist channel thread role \
     policy token backup log metric dashboard";

fn entry(name: &str) -> ModuleEntry {
    ModuleEntry {
        name: name.to_owned(),
        vault: "vault".into(),
        manifest: name.to_owned(),
        accounts: vec![AccountEntry { name: "default".into(), base_url: None }],
        // One of the catalogue leaves its address to the profile.
        base_url: Some("https://service.test".parse().unwrap()),
        path: "{module}/{account}".into(),
        insecure_http: false,
    }
}

fn nth(words: &str, at: usize) -> &str {
    let words: Vec<&str> = words.split_whitespace().collect();
    words[at % words.len()]
}

/// The name of a made-up service, and its manifest.
fn filler(at: usize) -> (String, String) {
    let (first, last) = (nth(FIRST, at), nth(LAST, at / 32));
    let (name, title) = (format!("{first}_{last}"), format!("{first} {last}"));
    let mut text = format!(
        "format = 1\nname = \"{name}\"\nversion = \"1.0.0\"\ntitle = \"{title}\"\ndescription = \"All of {title}\"\n\
         [http]\nbase_url = \"https://{first}.{last}.test\"\n[credential]\nkind = \"bearer\"\n"
    );
    for noun in (0..4).map(|step| nth(NOUNS, at * 7 + step * 17)) {
        for (verb, says, arguments) in [
            (
                "list",
                format!("List the {noun}s of {title}, newest first, page by page."),
                ["limit", "cursor"],
            ),
            (
                "get",
                format!("One {noun} of {title} by its id, with all that belongs to it."),
                ["id", "full_text"],
            ),
            ("create", format!("Make a new {noun} in {title}."), ["name", "text"]),
            (
                "update",
                format!("Change a {noun} of {title}; what is not named stays as it is."),
                ["id", "name"],
            ),
            ("delete", format!("Delete a {noun} of {title} for good."), ["id", "reason"]),
        ] {
            let [one, two] = arguments;
            write!(
                text,
                "[[tools]]\nname = \"{verb}_{noun}\"\ndescription = \"{says}\"\nside_effect = \"write\"\n\
                 request = {{ method = \"POST\", path = \"/{noun}/{verb}\", body = [\"{one}\", \"{two}\"] }}\n\
                 input.properties.{one} = {{ type = \"string\" }}\ninput.properties.{two} = {{ type = \"string\" }}\n"
            )
            .unwrap();
        }
    }
    (name, text)
}

#[test]
fn a_models_words_find_the_tool_among_twenty_thousand() {
    let dir = tempfile::tempdir().unwrap();
    let mut entries: Vec<ModuleEntry> =
        Manifests::load(None).names().iter().map(|name| entry(name)).collect();
    for (name, text) in (0..FILLERS).map(filler) {
        std::fs::write(dir.path().join(format!("{name}.toml")), text).unwrap();
        entries.push(entry(&name));
    }
    let registry = Registry::load(&entries, &Manifests::load(Some(dir.path())));
    assert!(registry.broken().is_empty(), "{}", registry.broken()[0]);
    let tools: usize = registry.modules(&Caller::local()).map(|module| module.tools.len()).sum();
    assert!(tools > 20_000, "{tools}");

    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/search/questions.toml");
    let questions: BTreeMap<String, BTreeMap<String, String>> =
        toml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let asked = questions
        .iter()
        .flat_map(|(module, asked)| asked.iter().map(move |(tool, words)| (module, tool, words)));
    let mut count = 0;
    let mut missed = Vec::new();
    for (module, tool, words) in asked {
        let expected = registry.module(&Caller::local(), module).and_then(|module| module.tool(tool));
        assert!(expected.is_some(), "{module}.{tool} is not there");
        count += 1;
        let found = registry.search(&Caller::local(), words, 3);
        if !found.iter().any(|(of, one)| (&of.name, &one.name) == (module, tool)) {
            let names: Vec<String> =
                found.iter().map(|(of, one)| format!("{}.{}", of.name, one.name)).collect();
            missed.push(format!("{words:?} wants {module}.{tool} and finds {}", names.join(", ")));
        }
    }
    assert_eq!(count, QUESTIONS);
    println!("{} of {count} questions find their tool; not: {missed:#?}", count - missed.len());
    assert!(count - missed.len() >= FOUND, "{missed:#?}");
}
