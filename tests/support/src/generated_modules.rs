//! A thousand made-up modules of twenty tools each, so that a start, or a search, has something to do; and what a model may
//! ask for among them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use cofferdam::profile::{AccountEntry, ModuleEntry};
use cofferdam::registry::{Manifests, Registry};

/// How many modules the program is sized for.
pub(crate) const FILLERS: usize = 1000;

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

fn nth(words: &str, at: usize) -> &str {
    let words: Vec<&str> = words.split_whitespace().collect();
    words[at % words.len()]
}

/// The name of a made-up service, and its manifest.
pub(crate) fn filler(at: usize) -> (String, String) {
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
                 select = \"{{id: id, name: name, url: links.html}}\"\ninput.required = [\"{one}\"]\n"
            )
            .unwrap();
            for name in arguments {
                writeln!(
                    text,
                    "input.properties.{name} = {{ type = \"string\", description = \"What {title} knows as the {name} of \
                     its {noun}s\" }}"
                )
                .unwrap();
            }
        }
    }
    (name, text)
}

/// The catalogue's modules and the made-up ones, as a profile would have them.
pub(crate) fn registry() -> Registry {
    let dir = tempfile::tempdir().unwrap();
    let mut entries: Vec<ModuleEntry> =
        Manifests::load(None).names().iter().map(|name| entry(name)).collect();
    for (name, text) in (0..FILLERS).map(filler) {
        std::fs::write(dir.path().join(format!("{name}.toml")), text).unwrap();
        entries.push(entry(&name));
    }
    Registry::load(&entries, &Manifests::load(Some(dir.path())))
}

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

/// A model's words for a tool, by module and tool.
pub(crate) fn questions() -> BTreeMap<String, BTreeMap<String, String>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/search/questions.toml");
    toml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}
