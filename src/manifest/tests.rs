use cofferdam_config::Origin;
use cofferdam_config::document::SourceText;

use super::error::ManifestError;
use super::*;
use crate::connectors::SideEffect;

const HEAD: &str = r#"format = 1
name = "acme"
version = "1.0.0"
title = "Acme"
description = "Anvils and rockets"

[http]
base_url = "https://api.acme.test"

[credential]
kind = "bearer"
"#;

const TOOL: &str = r#"
[[tools]]
name = "get_anvil"
description = "One anvil"
side_effect = "none"
request = { method = "GET", path = "/anvils/{anvil}", query = ["unit"] }
select = "{weight: weight}"
input.required = ["anvil"]
input.properties.anvil = { type = "string", description = "Its number" }
input.properties.unit = { enum = ["kg", "lb"] }
"#;

fn good() -> String {
    format!("{HEAD}{TOOL}")
}

fn parse(text: &str) -> Result<Manifest, ManifestError> {
    Manifest::parse(&SourceText::new(Origin::File("acme.toml".into()), text))
}

/// The diagnostics as `line key: message; help`.
fn problems(text: &str) -> Vec<String> {
    let diagnostics = parse(text).err().map(|error| error.diagnostics).unwrap_or_default();
    let printed = diagnostics.iter().map(|found| {
        let location = found.location.as_ref().unwrap();
        assert!(location.column.is_some(), "{found}");
        format!("{} {}: {}; {}", location.line.unwrap(), found.key, found.message, found.help)
    });
    printed.collect()
}

#[test]
fn a_good_manifest_becomes_a_module_with_its_defaults() {
    let manifest = parse(&good()).unwrap();
    assert_eq!((manifest.name.as_str(), manifest.version.as_str()), ("acme", "1.0.0"));
    assert_eq!(manifest.http.base_url().unwrap().as_str(), "https://api.acme.test/");
    let tool = &manifest.tools[manifest.tool_index["get_anvil"]];
    assert_eq!(tool.operation.effects.side_effect, SideEffect::None);
    assert!(tool.operation.effects.idempotent && tool.operation.effects.concurrency_safe);
    assert_eq!(tool.operation.input_schema["type"], "object");
    assert_eq!(tool.operation.input_schema["additionalProperties"], false);
}

#[test]
fn a_tool_that_writes_is_not_idempotent_unless_it_says_so() {
    for (extra, idempotent) in [("", false), ("idempotent = true\n", true)] {
        let text = good().replace("side_effect = \"none\"\n", &format!("side_effect = \"write\"\n{extra}"));
        let manifest = parse(&text).unwrap();
        assert_eq!(manifest.tools[0].operation.effects.idempotent, idempotent, "{extra:?}");
    }
}

#[test]
fn a_tool_without_input_takes_no_arguments() {
    let at = good().find("select").unwrap();
    let text = good()[..at].replace("/{anvil}\", query = [\"unit\"]", "\"");
    let manifest = parse(&text).unwrap();
    let schema = serde_json::json!({"type": "object", "additionalProperties": false, "properties": {}});
    assert_eq!(*manifest.tools[0].operation.input_schema, *schema.as_object().unwrap());
}

/// What is replaced in a valid manifest, by what, and how the only diagnostic begins.
const ONE_MISTAKE: &[(&str, &str, &str)] = &[
    ("format = 1", "format = 2", "1 format: this version supports format 1 only; write format = 1"),
    ("format = 1\n", "", "1 format: is missing; add format = 1"),
    ("name = \"acme\"", "name = \"Acme\"", "2 name: \"Acme\" is not a valid module name"),
    ("name = \"acme\"", "name = \"\"", "2 name: an empty string is not a valid module name"),
    ("name = \"acme\"", "name = 7", "2 name: must be a string, not a number"),
    ("version = \"1.0.0\"\n", "", "1 version: is missing"),
    (
        "version = \"1.0.0\"",
        "version = \"one two\"",
        "3 version: a string of 7 characters is not a valid version",
    ),
    ("title = \"Acme\"", "title = \" \"", "4 title: must not be empty"),
    (
        "title = \"Acme\"",
        "titel = \"Acme\"\ntitle = \"Acme\"",
        "4 titel: unknown key; did you mean \"title\"?",
    ),
    (
        "description = \"Anvils and rockets\"",
        "description = \"Anvils\\nrockets\"",
        "5 description: must not contain a line break",
    ),
    ("title = \"Acme\"", "title = \"Acme\"\nsource = \"a friend\"", "5 source: must be a web address"),
    ("[credential]\nkind = \"bearer\"\n", "", "1 credential: is missing"),
    (
        "kind = \"bearer\"",
        "kind = \"berer\"",
        "11 credential.kind: unknown value \"berer\"; did you mean \"bearer\"?",
    ),
    (
        "kind = \"bearer\"",
        "kind = \"bearer\"\ntokn = \"{token}\"",
        "10 credential.tokn: unknown key; did you mean \"token\"?",
    ),
    (
        "kind = \"bearer\"",
        "kind = \"bearer\"\ntoken = \"hunter2\"",
        "10 credential: names no field of the secret",
    ),
    ("https://api.acme.test", "ftp://api.acme.test", "8 http.base_url: "),
    (
        "name = \"get_anvil\"",
        "name = \"get-anvil\"",
        "14 tools.get-anvil.name: \"get-anvil\" is not a valid tool name",
    ),
    ("description = \"One anvil\"\n", "", "13 tools.get_anvil.description: is missing"),
    ("side_effect = \"none\"\n", "", "13 tools.get_anvil.side_effect: is missing"),
    (
        "side_effect = \"none\"",
        "side_effect = \"some\"",
        "16 tools.get_anvil.side_effect: unknown side effect: \"some\"",
    ),
    (
        "side_effect = \"none\"",
        "side_effect = \"none\"\nidempotent = false",
        "17 tools.get_anvil.idempotent: must not be false for a tool that only reads",
    ),
    (
        "side_effect = \"none\"",
        "side_effect = \"none\"\nidempotent = \"yes\"",
        "17 tools.get_anvil.idempotent: must be `true` or `false`, not a string",
    ),
    ("side_effect = \"none\"", "side_effect = \"none\"\nsafe = true", "17 tools.get_anvil.safe: unknown key"),
    (
        "select = \"{weight: weight}\"",
        "full = false",
        "18 tools.get_anvil.full: is false, but without `select` the whole answer is returned",
    ),
    ("\"{weight: weight}\"", "\"{weight: \"", "18 tools.get_anvil.select: not valid JMESPath"),
    (
        "\"{weight: weight}\"",
        "\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"",
        "18 tools.get_anvil.select: is too long",
    ),
    (
        "input.required = [\"anvil\"]",
        "input.required = [\"anvil\", \"unti\"]",
        "19 tools.get_anvil.input.required: argument \"unti\" is not declared; did you mean \"unit\"?",
    ),
    (
        "input.required = [\"anvil\"]",
        "input.required = \"anvil\"",
        "19 tools.get_anvil.input.required: not valid JSON Schema: value is not of type",
    ),
    (
        "input.required = [\"anvil\"]",
        "input.requird = []\ninput.required = [\"anvil\"]",
        "19 tools.get_anvil.input.requird: unknown key; did you mean \"required\"?",
    ),
    (
        "input.required = [\"anvil\"]",
        "input.required = [\"anvil\"]\ninput.type = \"array\"",
        "20 tools.get_anvil.input.type: must be \"object\"",
    ),
    (
        "input.required = [\"anvil\"]",
        "input.required = [\"anvil\"]\ninput.additionalProperties = true",
        "20 tools.get_anvil.input.additionalProperties: must be false",
    ),
    (
        "{ enum = [\"kg\", \"lb\"] }",
        "{ type = \"txt\" }",
        "21 tools.get_anvil.input.properties.unit.type: \"txt\" is not a JSON Schema type; use array, boolean,",
    ),
    (
        "{ enum = [\"kg\", \"lb\"] }",
        "{ type = \"int\" }",
        "21 tools.get_anvil.input.properties.unit.type: \"int\" is not a JSON Schema type; did you mean \"integer\"?",
    ),
    (
        "{ enum = [\"kg\", \"lb\"] }",
        "{ minLength = \"int\" }",
        "21 tools.get_anvil.input.properties.unit.minLength: not valid JSON Schema: value is not of type",
    ),
    (
        "{ enum = [\"kg\", \"lb\"] }",
        "{ enum = [1979-05-27] }",
        "21 tools.get_anvil.input.properties.unit.enum.0: must not be a date",
    ),
    (
        "{ enum = [\"kg\", \"lb\"] }",
        "{ const = nan }",
        "21 tools.get_anvil.input.properties.unit.const: this number is not finite",
    ),
    (
        "{ enum = [\"kg\", \"lb\"] }",
        "{ \"$ref\" = \"https://acme.test/unit\" }",
        "21 tools.get_anvil.input.properties.unit.$ref: must not refer to another document",
    ),
    (
        "{ enum = [\"kg\", \"lb\"] }",
        "{ \"$ref\" = \"#/$defs/unit\" }",
        "19 tools.get_anvil.input: cannot be compiled",
    ),
    ("{ enum = [\"kg\", \"lb\"] }", "{ pattern = \"(\" }", "19 tools.get_anvil.input: cannot be compiled"),
    (
        "{ enum = [\"kg\", \"lb\"] }",
        "{ \"$id\" = \"https://acme.test/\" }",
        "21 tools.get_anvil.input.properties.unit.$id: is not allowed",
    ),
    (
        "{ enum = [\"kg\", \"lb\"] }",
        "{ description = \"\" }",
        "21 tools.get_anvil.input.properties.unit: has a description of 0 characters",
    ),
    (
        "method = \"GET\"",
        "method = \"GET\", pth = \"/\"",
        "17 tools.get_anvil.request.pth: unknown key; did you mean \"path\"?",
    ),
    ("method = \"GET\"", "method = 7", "17 tools.get_anvil.request.method: must be a string, not a number"),
    // The rules of the connector, by line: every argument exactly once, and path arguments required.
    (", query = [\"unit\"]", "", "17 tools.get_anvil.request"),
    ("[\"unit\"]", "[\"unit\"], headers = { x-unit = \"{unit}\" }", "17 tools.get_anvil.request"),
    ("[\"unit\"]", "[\"unit\", \"anvil\"]", "17 tools.get_anvil.request"),
    ("[\"unit\"]", "[\"unit\", \"wieght\"]", "17 tools.get_anvil.request"),
    ("input.required = [\"anvil\"]\n", "", "17 tools.get_anvil.request"),
];

#[test]
fn each_mistake_is_reported_with_its_line() {
    assert_eq!(problems(&good()), [""; 0]);
    let mut failures = Vec::new();
    for (right, wrong, expected) in ONE_MISTAKE {
        assert!(good().contains(right), "{right:?} is not in the good manifest");
        let found = problems(&good().replacen(right, wrong, 1));
        if found.len() != 1 || !found[0].starts_with(expected) {
            failures.push(format!("{wrong:?}: {found:#?}, expected {expected:?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn all_mistakes_are_reported_at_once_in_the_order_of_lines() {
    let text = good()
        .replace("title = \"Acme\"", "titel = \"Acme\"")
        .replace("kind = \"bearer\"", "kind = \"berer\"")
        .replace("side_effect = \"none\"", "side_effect = \"some\"")
        .replace("{weight: weight}", "{weight")
        .replace("method = \"GET\"", "method = 7");
    let locations: Vec<String> =
        problems(&text).iter().filter_map(|problem| Some(problem.split_once(": ")?.0.to_owned())).collect();
    assert_eq!(
        locations,
        [
            "1 title",
            "4 titel",
            "11 credential.kind",
            "16 tools.get_anvil.side_effect",
            "17 tools.get_anvil.request.method",
            "18 tools.get_anvil.select",
        ]
    );
}

#[test]
fn two_tools_with_one_name_are_rejected_and_so_is_a_module_without_tools() {
    let twice = format!("{}{TOOL}", good());
    assert_eq!(
        problems(&twice),
        ["24 tools.get_anvil.name: an earlier tool has this name; give each tool its own name"]
    );
    assert_eq!(problems(HEAD), ["1 tools: is missing; add a [[tools]] table"]);
}

#[test]
fn invalid_toml_is_reported_and_nothing_else() {
    let found = problems(&good().replace("title = \"Acme\"", "title = \"Acme"));
    assert!(found.len() == 1 && found[0].starts_with("4 : not valid TOML"), "{found:#?}");
}

#[test]
fn no_problem_repeats_a_value() {
    let canary = "c4nary-8f1e-do-not-print";
    for (right, wrong) in [
        ("kind = \"bearer\"", "kind = \"bearer\"\ntoken = \"CANARY\""),
        ("kind = \"bearer\"", "kind = \"bearer\"\ntoken = [\"CANARY\"]"),
        ("kind = \"bearer\"", "kind = \"CANARY\""),
        ("kind = \"bearer\"", "kind = [\"CANARY\"]"),
        (
            "base_url = \"https://api.acme.test\"",
            "base_url = \"https://api.acme.test\"\nheaders = \"CANARY\"",
        ),
        (
            "base_url = \"https://api.acme.test\"",
            "base_url = \"https://api.acme.test\"\npage = { style = \"CANARY\" }",
        ),
        ("title = \"Acme\"", "title = [\"CANARY\"]"),
        ("side_effect = \"none\"", "side_effect = \"CANARY\""),
    ] {
        let found = problems(&good().replacen(right, &wrong.replace("CANARY", canary), 1));
        assert!(!found.is_empty(), "{wrong:?} was taken");
        assert!(!found.join("\n").contains(canary), "{found:#?}");
    }
}

#[test]
fn a_reference_within_the_schema_and_an_argument_named_like_a_keyword_are_taken() {
    let text = good()
        .replace("{ enum = [\"kg\", \"lb\"] }", "{ \"$ref\" = \"#/$defs/unit\" }")
        .replace("input.required", "input.\"$defs\".unit = { pattern = \"^[a-z]+$\" }\ninput.required");
    assert_eq!(problems(&text), [""; 0]);
}

/// The stack of a thread, as the standard library starts one. Frames are larger without optimisation.
const STACK_BYTES: usize = if cfg!(debug_assertions) { 2 * 1024 * 1024 } else { 1024 * 1024 };

#[test]
fn nothing_is_nested_so_deep_that_a_small_stack_ends() {
    let small = || std::thread::Builder::new().stack_size(STACK_BYTES);
    for select in [
        format!("a{}", "[*]".repeat(100)),
        format!("{}a", "!".repeat(200)),
        format!("{}a{}", "(".repeat(200), ")".repeat(200)),
        format!("{}a{}", "[".repeat(200), "]".repeat(200)),
        format!("{}a{}", "{a:".repeat(200), "}".repeat(200)),
        format!("a{}", "|a".repeat(200)),
        format!("a{}", ".a".repeat(1000)),
    ] {
        let text = good().replace("{weight: weight}", &select);
        let found = small().spawn(move || problems(&text)).unwrap().join().unwrap();
        assert_eq!(found, [""; 0], "{select}");
    }
    for deep in [
        format!("x = {}", "[".repeat(100_000)),
        format!("x = {}", "{x=".repeat(100_000)),
        format!("input.properties{} = 1", ".a".repeat(100_000)),
        format!("[input{}]", ".not".repeat(100_000)),
    ] {
        let found = small().spawn(move || problems(&format!("{}\n{deep}", good()))).unwrap().join().unwrap();
        assert!(!found.is_empty());
    }
}

#[test]
fn no_damage_to_a_manifest_is_a_panic() {
    let whole = include_str!("../catalogue/github.toml");
    // The head and the first tools hold every construct; the rest would only take time.
    let text = &whole[..whole.find("name = \"get_repository\"").unwrap()];
    for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)).step_by(3) {
        let _ = parse(&text[..end]);
    }
    let mut random = fastrand::Rng::with_seed(0x5eed);
    for _ in 0..1500 {
        let mut bytes = good().into_bytes();
        for _ in 0..random.usize(1..4) {
            let at = random.usize(..bytes.len());
            bytes[at] ^= 1 << random.u8(..7);
        }
        let _ = parse(&String::from_utf8_lossy(&bytes));
    }
}

/// At each line: another key, a key of a credential's name, and a credential in place of each string.
#[test]
fn a_credential_pasted_anywhere_is_never_printed() {
    const PASTED: [&str; 3] = [
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "550e8400-e29b-41d4-a716-446655440000",
        "wJalrXUtnFEMI7K7MDENG7bPxRfiCYEXAMPLEKEY",
    ];
    let text = good();
    let lines: Vec<&str> = text.lines().collect();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| !line.is_empty()) {
        for secret in PASTED {
            let mut changed = vec![format!("\"{secret}\" = 1\n{line}"), format!("{line}\n{secret}")];
            changed.push(format!("{}= {{ \"{secret}\" = 1 }}", line.split('=').next().unwrap()));
            for (start, _) in line.match_indices('"').step_by(2) {
                let end = start + 2 + line[start + 1..].find('"').unwrap();
                changed.push(format!("{}\"{secret}\"{}", &line[..start], &line[end..]));
                changed.push(format!("{}\"/{{{secret}}}\"{}", &line[..start], &line[end..]));
            }
            for changed in changed {
                let text = [&lines[..at], &[changed.as_str()], &lines[at + 1..]].concat().join("\n");
                let Err(error) = parse(&text) else { continue };
                let json = serde_json::to_string(&error.diagnostics).unwrap();
                let printed = error.diagnostics.to_string() + &json;
                assert!(!printed.contains(secret), "{text}\nprints\n{printed}");
            }
        }
    }
}
