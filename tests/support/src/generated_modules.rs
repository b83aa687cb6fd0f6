//! A thousand generated modules of twenty tools each, for starts and searches at the size that the program is built for; and
//! questions that a model may ask.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cofferdam::broker::PathTemplate;
use cofferdam::manifest::ManifestLibrary;
use cofferdam::profile::{AccountEntry, ModuleEntry, ToolFilter};
use cofferdam::registry::Registry;

/// The number of modules that the program is built for.
pub const MODULES: usize = 1000;

const FIRST: &str = "amber brisk cedar delta ember flint grove harbor iris juniper kelp linden maple north onyx pearl \
     quartz river slate tundra umber violet willow xenon yarrow zephyr alder birch coral dune elm fern";
const LAST: &str = "desk flow forge hub lane ledger link loom mail mill nest note pad path peak pulse relay ring shelf \
     ship sign sky spark stack stream tide tower vault wave wire yard zone";
/// What their tools are about. Many of these words occur in the catalogue, too.
const NOUNS: &str = "invoice order customer contact ticket page comment file user message event report task project \
     branch row table record document folder build deployment alert server database query workflow release \
     notification issue review member label webhook payment refund coupon product cart shipment campaign lead deal \
     pipeline survey form template schedule room booking device sensor image video playlist channel thread role \
     policy token backup log metric dashboard";

fn nth(words: &str, at: usize) -> &str {
    let words: Vec<&str> = words.split_whitespace().collect();
    words[at % words.len()]
}

/// The name of the module at `at`, and its manifest.
pub fn generate(at: usize) -> (String, String) {
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

/// The catalogue's modules.
pub fn catalogue() -> Registry {
    let library = ManifestLibrary::load(None);
    let entries: Vec<ModuleEntry> = library.names().iter().map(|name| entry(name)).collect();
    Registry::load(&entries, &library)
}

/// The catalogue's modules and the generated ones, as a profile would configure them.
pub fn registry() -> Registry {
    let dir = tempfile::tempdir().unwrap();
    let mut entries: Vec<ModuleEntry> =
        ManifestLibrary::load(None).names().iter().map(|name| entry(name)).collect();
    for (name, text) in (0..MODULES).map(generate) {
        std::fs::write(dir.path().join(format!("{name}.toml")), text).unwrap();
        entries.push(entry(&name));
    }
    Registry::load(&entries, &ManifestLibrary::load(Some(dir.path())))
}

fn entry(name: &str) -> ModuleEntry {
    ModuleEntry {
        name: name.to_owned(),
        vault: "vault".into(),
        manifest: name.to_owned(),
        accounts: vec![AccountEntry { name: "default".into(), base_url: None }],
        // `supabase_data` leaves its base URL to the profile.
        base_url: Some("https://service.test".parse().unwrap()),
        path: PathTemplate::default(),
        insecure_http: false,
        tools: ToolFilter::default(),
        in_flight: None,
        queue: None,
        lookups: None,
    }
}

/// A model's words for a tool, by module and tool.
pub fn questions() -> BTreeMap<String, BTreeMap<String, String>> {
    toml::from_str(&std::fs::read_to_string(crate::fixture("search/questions.toml")).unwrap()).unwrap()
}

/// A model's words for what no module of the catalogue can do.
pub fn foreign_questions() -> Vec<String> {
    let text = std::fs::read_to_string(crate::fixture("search/foreign.toml")).unwrap();
    toml::from_str::<BTreeMap<String, Vec<String>>>(&text).unwrap().remove("questions").unwrap()
}
