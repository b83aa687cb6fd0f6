//! `client-config`: the files of MCP hosts, with those in `tests/fixtures/hosts` as examples.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use cofferdam_testing::{CommandOutput, TWO_VAULTS, TestEnv, fixture, program};

/// Each host, and the path of its file below the home folder.
const HOSTS: [(&str, &str); 5] = [
    ("claude-code", ".claude.json"),
    ("claude-desktop", ".config/Claude/claude_desktop_config.json"),
    ("cursor", ".cursor/mcp.json"),
    ("vscode", ".config/Code/User/mcp.json"),
    ("inspector", ".mcp-inspector/mcp.json"),
];

/// Replaces the tokens in the files of the fixtures. It is never printed.
const TOKENS: &str = "made-up";

/// An environment with a home folder, whose profile listens on the default port.
struct Home(TestEnv);

impl Home {
    fn new() -> Self {
        let env = TestEnv::new(TWO_VAULTS);
        let home = env.path("home");
        fs::create_dir(&home).unwrap();
        let home = home.to_str().unwrap().to_owned();
        Self(env.with_variable("HOME", &home).with_variable("COFFERDAM__SERVER__LISTEN", "127.0.0.1:7080"))
    }

    /// A file below the home folder; creates its folder.
    fn path(&self, name: &str) -> PathBuf {
        let path = self.0.folder().join("home").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    /// Writes a file below the home folder with a mode of its own and, if root runs the tests, with another owner.
    fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        if rustix::process::geteuid().is_root() {
            chown(&path, Some(4711), Some(4712)).unwrap();
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        path
    }

    /// Runs `client-config` with these arguments. Its output contains no token of a host's file.
    fn connect(&self, args: &[&str]) -> CommandOutput {
        let output = self.0.run(&[&["client-config"], args].concat());
        assert!(!output.stdout.contains(TOKENS) && !output.stderr.contains(TOKENS), "{output:#?}");
        output
    }

    /// Replaces the placeholders in `text` by the paths of this environment.
    fn with_paths(&self, text: &str) -> String {
        let profile = self.0.folder().canonicalize().unwrap().join("profile.toml");
        text.replace("@PROGRAM@", program().to_str().unwrap()).replace("@PROFILE@", profile.to_str().unwrap())
    }
}

fn host_file(name: &str) -> String {
    let path = fixture("hosts").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// The names of the other files in the folder of `path`.
fn beside(path: &Path) -> Vec<String> {
    let name = path.file_name().unwrap();
    let entries = fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> =
        entries.filter(|found| found != name).map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

fn backup_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".cofferdam.bak");
    name.into()
}

#[test]
fn each_hosts_own_file_gets_the_server_and_keeps_all_else() {
    for (host, location) in HOSTS {
        let before = host_file(&format!("{host}.json"));
        for (form, flags) in [("http", &[][..]), ("stdio", &["--stdio"])] {
            if (host, form) == ("claude-desktop", "http") {
                continue; // its file has no such form
            }
            let home = Home::new();
            let file = home.put(location, &before);
            let (owner, mode) = (fs::metadata(&file).unwrap(), 0o640);
            let write = [&[host, "--write"], flags].concat();

            let output = home.connect(&write).expect(0);
            assert!(output.stdout.contains(file.to_str().unwrap()), "{output:#?}");
            let after = home.with_paths(&host_file(&format!("{host}.{form}.json")));
            assert_eq!(read(&file), after, "{host} {form}");
            let backup = backup_of(&file);
            assert_eq!(read(&backup), before, "{host} {form}");
            for path in [&file, &backup] {
                let found = fs::metadata(path).unwrap();
                assert_eq!(found.permissions().mode() & 0o777, mode, "{}", path.display());
                assert_eq!((found.uid(), found.gid()), (owner.uid(), owner.gid()), "{}", path.display());
            }

            let inode = fs::metadata(&file).unwrap().ino();
            let again = home.connect(&write).expect(0);
            assert!(again.stdout.contains("already connected"), "{again:#?}");
            assert_eq!(read(&file), after, "{host} {form}");
            assert_eq!(fs::metadata(&file).unwrap().ino(), inode, "written although nothing was to change");
            assert_eq!(beside(&file).len(), 1, "only the backup: {:?}", beside(&file));
        }
    }
}

/// The test above compares the golden files as text; this one checks what they change.
#[test]
fn the_golden_files_differ_from_the_hosts_by_our_entry_alone() {
    let plain = |text: &str| {
        let parsed = jsonc_parser::cst::CstRootNode::parse(text, &jsonc_parser::ParseOptions::default());
        parsed.unwrap().to_serde_value().unwrap()
    };
    for (host, _) in HOSTS {
        let key = if host == "vscode" { "servers" } else { "mcpServers" };
        let without = |text: &str| {
            let mut value = plain(text);
            let ours = value[key].as_object_mut().unwrap().shift_remove("cofferdam");
            (value, ours)
        };
        let (before, _) = without(&host_file(&format!("{host}.json")));
        for form in ["http", "stdio"].into_iter().filter(|form| (host, *form) != ("claude-desktop", "http")) {
            let (after, ours) = without(&host_file(&format!("{host}.{form}.json")));
            assert_eq!(after, before, "{host} {form}");
            assert!(ours.is_some(), "{host} {form}");
        }
    }
}

#[test]
fn what_is_printed_is_what_is_written_into_a_new_file() {
    for (host, location) in HOSTS {
        for flags in [&[][..], &["--stdio"]] {
            let home = Home::new();
            let printed = home.connect(&[&[host], flags].concat()).expect(0);
            let snippet: Value = serde_json::from_str(&printed.stdout).unwrap();
            let file = home.0.folder().join("home").join(location);
            assert!(printed.stderr.contains(file.to_str().unwrap()), "{printed:#?}");
            assert!(!file.exists(), "printing writes nothing");
            let written = home.connect(&[&[host, "--write", "--json"], flags].concat()).expect(0).json();
            assert_eq!(written, json!({ "file": file, "changed": true, "backup": null }));
            assert_eq!(serde_json::from_str::<Value>(&read(&file)).unwrap(), snippet, "{host}");
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(beside(&file), Vec::<String>::new());
        }
    }
}

#[test]
fn another_form_replaces_the_first_and_every_backup_stays() {
    let home = Home::new();
    let file = home.put("mcp.json", &host_file("cursor.json"));
    let path = file.to_str().unwrap();
    let write =
        |flags: &[&str]| home.connect(&[&["cursor", "--write", "--file", path], flags].concat()).expect(0);
    write(&[]);
    let over_http = read(&file);
    write(&["--stdio"]);
    assert_eq!(read(&file), home.with_paths(&host_file("cursor.stdio.json")));
    write(&[]);
    assert_eq!(read(&file), over_http);
    let backups = ["mcp.json.cofferdam.2.bak", "mcp.json.cofferdam.3.bak", "mcp.json.cofferdam.bak"];
    assert_eq!(beside(&file), backups);
    assert_eq!(read(&backup_of(&file)), host_file("cursor.json"), "the first backup stays the first");
}

#[test]
fn an_invalid_file_is_refused_with_the_location_and_not_changed() {
    let wrong = [
        ("cursor", "{\"mcpServers\": {\"a\": {\"token\": \"made-up\"}}", "mcp.json:1:"),
        ("cursor", "{\n  \"mcpServers\": {},\n}", "mcp.json:2:"),
        ("cursor", "{\n  // made-up comment\n  \"mcpServers\": {}\n}", "mcp.json:2:3  "),
        ("vscode", "{\n  \"servers\": {\"a\" 1}\n}", "mcp.json:2:"),
        ("vscode", "{\n  \"servers\": {} /* made-up", "mcp.json:2:"),
        ("cursor", "made-up: yaml\n", "mcp.json:1:1  "),
        ("cursor", "{\n  \"a\": \"made-up\ttab\"}", "mcp.json:2:"),
        ("cursor", "[]", "mcp.json:1:1  the top level must be an object"),
        ("cursor", "{\n  \"mcpServers\": []\n}", "mcp.json:2:17  `mcpServers` must be an object"),
        ("vscode", "{\n  \"servers\": null\n}", "mcp.json:2:14  `servers` must be an object"),
        ("cursor", "{\"mcpServers\": {\"cofferdam\": \"made-up\"}}", "mcp.json:1:30  `cofferdam` must"),
        ("cursor", "{\"mcpServers\": {},\n \"mcpServers\": {}}", "mcp.json:2:2  duplicate key `mcpServers`"),
        (
            "vscode",
            "{\"servers\": {\"cofferdam\": {},\n\"cofferdam\": {}}}",
            "mcp.json:2:1  duplicate key `cofferdam`",
        ),
    ];
    for (host, text, location) in wrong {
        let home = Home::new();
        let file = home.put("mcp.json", text);
        let output = home.connect(&[host, "--write", "--file", file.to_str().unwrap()]).expect(1);
        assert!(output.stderr.contains(location), "{text}: {output:#?}");
        assert!(output.stderr.contains("help:"), "{output:#?}");
        assert_eq!(read(&file), text);
        assert_eq!(beside(&file), Vec::<String>::new());
    }
    let home = Home::new();
    let file = home.path("mcp.json");
    fs::write(&file, b"{\n\"made-up\": \"\xff\"}").unwrap();
    let output = home.connect(&["cursor", "--write", "--file", file.to_str().unwrap()]).expect(1);
    assert!(output.stderr.contains("mcp.json:2 is not UTF-8"), "{output:#?}");
}

#[test]
fn an_empty_file_and_a_marked_one_are_taken() {
    for (before, mark) in [("", ""), (" \n", ""), ("\u{feff}{}\r\n", "\u{feff}"), ("\u{feff}", "\u{feff}")] {
        let home = Home::new();
        let file = home.put("mcp.json", before);
        home.connect(&["cursor", "--write", "--file", file.to_str().unwrap()]).expect(0);
        let after = read(&file);
        let body = after.strip_prefix(mark).unwrap();
        let value: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {after:?}"));
        assert_eq!(value["mcpServers"]["cofferdam"]["url"], "http://127.0.0.1:7080/mcp");
        assert_eq!(read(&backup_of(&file)), before);
    }
}

#[test]
fn behind_a_link_the_file_is_replaced_and_the_link_stays() {
    let home = Home::new();
    let real = home.put("dotfiles/cursor.json", &host_file("cursor.json"));
    let link = home.path(".cursor/mcp.json");
    std::os::unix::fs::symlink("../dotfiles/cursor.json", &link).unwrap();
    home.connect(&["cursor", "--write"]).expect(0);
    assert_eq!(fs::read_link(&link).unwrap(), Path::new("../dotfiles/cursor.json"));
    assert_eq!(read(&real), host_file("cursor.http.json"));
    assert_eq!(beside(&real), Vec::<String>::new());
    assert_eq!(read(&backup_of(&link)), host_file("cursor.json"));

    fs::remove_file(&real).unwrap();
    let output = home.connect(&["cursor", "--write"]).expect(1);
    assert!(output.stderr.contains("is a symbolic link to a file that does not exist"), "{output:#?}");
    assert!(!real.exists());
}

#[test]
fn what_may_not_be_written_or_is_not_a_file_is_refused() {
    let home = Home::new();
    let file = home.put("mcp.json", "{}");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    let output = home.connect(&["cursor", "--write", "--file", file.to_str().unwrap()]).expect(1);
    assert!(output.stderr.contains("read-only"), "{output:#?}");
    assert_eq!(read(&file), "{}");
    let folder = home.0.folder().to_str().unwrap();
    let output = home.connect(&["cursor", "--write", "--file", folder]).expect(1);
    assert!(output.stderr.contains("is a folder"), "{output:#?}");
    home.connect(&["cursor", "--file", "mcp.json"]).expect(2);
    home.connect(&["emacs"]).expect(2);
}

#[test]
fn a_port_that_is_not_fixed_is_reported_and_stdio_needs_none() {
    let env = TestEnv::new(TWO_VAULTS);
    let output = env.run(&["client-config", "cursor"]).expect(2);
    assert!(output.stderr.contains("--stdio"), "{output:#?}");
    for args in [&["cursor", "--stdio"][..], &["claude-desktop"]] {
        env.run(&[&["client-config"], args].concat()).expect(0);
    }
}

/// An MCP host starts its servers in the folder of a project, which may be a stranger's.
#[test]
fn a_profile_inside_the_binary_is_named_so_that_no_folder_replaces_it() {
    let env = TestEnv::new(TWO_VAULTS);
    let printed = env.run(&["client-config", "cursor", "--stdio", "--profile", "dev"]).expect(0);
    let snippet: Value = serde_json::from_str(&printed.stdout).unwrap();
    let args = &snippet["mcpServers"]["cofferdam"]["args"];
    assert_eq!(*args, json!(["serve", "--stdio", "--profile", "embedded:dev"]));
    fs::create_dir(env.path("profiles")).unwrap();
    env.write("profiles/dev.toml", "nonsense = true");
    let unchanged = env.run(&["client-config", "cursor", "--stdio", "--profile", "dev"]).expect(0);
    assert_eq!(unchanged.stdout, printed.stdout);
    assert!(unchanged.stderr.contains("./profiles/dev.toml"), "{unchanged:#?}");
    env.write_own_profile("dev", "nonsense = true");
    env.run(&["profile", "check", "--profile", "dev"]).expect(2);
    env.run(&["profile", "check", "--profile", "embedded:dev"]).expect(0);
}
