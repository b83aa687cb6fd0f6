//! `doctor`: what is wrong, and what to do about it.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use rustix::process::Signal;
use serde_json::Value;

use crate::site::{Site, TWO_VAULTS};

const LISTEN: &str = "COFFERDAM__SERVER__LISTEN";

#[test]
fn a_health_check_asks_the_profiles_own_server_and_nobody_else() {
    // Its vault is broken, which is no concern of whether the server answers.
    let site = Site::new(TWO_VAULTS);
    site.write("secrets.age", "garbage");
    for exposed in [false, true] {
        let ip = if exposed { "0.0.0.0" } else { "127.0.0.1" };
        let insist = exposed.then_some("--insecure-no-auth");
        let listen = format!("{ip}:0");
        let serve: Vec<&str> = ["serve", "--listen", &listen].into_iter().chain(insist).collect();
        let mut running = site.start(&serve);
        let first = BufReader::new(running.child().stdout.take().unwrap()).lines().next().unwrap().unwrap();
        let address = first.strip_prefix("http://").unwrap().strip_suffix("/mcp").unwrap().to_owned();
        let check = Site::new(TWO_VAULTS).with_variable(LISTEN, &address);

        let alive = check.run(&["doctor", "--server"]).expect(0);
        assert_eq!((alive.stdout.lines().count(), alive.stderr.as_str()), (1, ""), "{alive:#?}");
        let document = check.run(&["doctor", "--server", "--json"]).expect(0).json();
        assert_eq!(document["alive"], true, "{document}");
        assert_eq!(document["address"], address.replace("0.0.0.0", "127.0.0.1"), "{document}");

        running.signal(Signal::TERM);
        assert_eq!(running.ended().code, Some(0));
        let gone = check.run(&["doctor", "--server"]).expect(1);
        assert_eq!((gone.stdout.as_str(), gone.stderr.lines().count()), ("", 1), "{gone:#?}");
    }
}

#[test]
fn a_health_check_is_not_fooled_by_another_program_and_does_not_wait_for_a_silent_one() {
    // Connections wait in its queue and are never answered.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let other_address = other.local_addr().unwrap().to_string();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = other.accept().unwrap();
        let mut head = BufReader::new(stream.try_clone().unwrap()).lines();
        while head.next().is_some_and(|line| !line.unwrap().is_empty()) {}
        std::io::Write::write_all(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").unwrap();
    });
    for (address, word) in
        [(silent.local_addr().unwrap().to_string(), "within"), (other_address, "not a Cofferdam server")]
    {
        let site = Site::new(TWO_VAULTS).with_variable(LISTEN, &address);
        let ended = site.run(&["doctor", "--server"]).expect(1);
        assert!(ended.stderr.contains(word) && ended.stderr.contains(&address), "{ended:#?}");
    }
    serving.join().unwrap();
}

#[test]
fn a_health_check_of_a_wrong_profile_or_of_any_free_port_is_a_wrong_question() {
    let site = Site::new("nonsense = 1");
    site.run(&["doctor", "--server"]).expect(2);
    let ended = Site::new(TWO_VAULTS).run(&["doctor", "--server"]).expect(2);
    assert!(ended.stderr.contains("port 0"), "{ended:#?}");
}

const CANARY: &str = "canary-d0ct0r";

/// What was found about `subject` at `level`.
fn found<'a>(document: &'a Value, subject: &str, level: &str) -> Vec<&'a str> {
    let all = document["findings"].as_array().unwrap();
    let of = all.iter().filter(|finding| finding["subject"] == subject && finding["level"] == level);
    of.map(|finding| finding["what"].as_str().unwrap()).collect()
}

fn well_site(profile: &str) -> Site {
    let site = Site::new(profile).with_variable("TICKETS_TOKEN", CANARY);
    for account in ["notes/default", "notes/work"] {
        for field in ["username", "password"] {
            site.run_with_input(&["secret", "set", account, field], CANARY).expect(0);
        }
    }
    site
}

#[test]
fn where_all_is_well_nothing_is_bad() {
    let site = well_site(TWO_VAULTS);
    let ended = site.run(&["doctor"]).expect(0);
    assert!(ended.stdout.contains("0 warnings, 0 errors") && ended.stderr.is_empty(), "{ended:#?}");
    assert!(!ended.stdout.contains(CANARY), "a value was printed");
    let document = site.run(&["doctor", "--json"]).expect(0).json();
    assert_eq!(document["bad"], 0, "{document:#}");
    for subject in ["vault files", "vault variables", "account notes/work", "account tickets/default"] {
        assert_ne!(found(&document, subject, "good"), [""; 0], "{subject}: {document:#}");
    }
}

/// A vault that never answers is told in its time with what is wrong beside it, and keeps no other from being checked.
#[test]
fn each_thing_that_is_wrong_is_told_with_what_to_do() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let profile = TWO_VAULTS.replacen("127.0.0.1:0", &taken.local_addr().unwrap().to_string(), 1)
        + &format!(
            "\n[vaults.silent]\nbackend = \"hashicorp\"\naddress = \"http://{}\"\n\
             auth = {{ method = \"token\", token_file = \"token\" }}\n\
             [modules.far]\nvault = \"silent\"\nmanifest = \"tickets\"\n",
            silent.local_addr().unwrap()
        );
    let site = well_site(&profile.replace("backend = \"env\"", "backend = \"env\"\ndotenv = \".env\""))
        .with_variable("TICKETS_TOKEN", &format!(" {CANARY}\n"));
    site.write_private("token", "t");
    site.write_private(".env", "");
    site.run(&["secret", "delete", "notes/work"]).expect(0);
    for (file, mode) in
        [("key.txt", 0o644), ("token", 0o644), (".env", 0o666), ("site.toml", 0o664), ("modules", 0o777)]
    {
        std::fs::set_permissions(site.path().join(file), std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let ended = site.run(&["doctor", "--json"]).expect(1);
    assert!(!ended.stdout.contains(CANARY) && !ended.stderr.contains(CANARY), "a value was printed");
    let document = ended.json();
    for (subject, word) in [
        ("profile", "the profile"),
        ("profile", "modules_dir"),
        (format!("port {}", taken.local_addr().unwrap().port()).as_str(), "another program"),
        ("vault files", "the identity file"),
        ("vault variables", "the .env file"),
        ("vault silent", "no response within"),
        // Its files need no answer.
        ("vault silent", "the token file"),
        ("account notes/work", "notes/work"),
        ("account tickets/default", "white space"),
    ] {
        let bad = found(&document, subject, "bad");
        assert!(bad.iter().any(|what| what.contains(word)), "{subject}: no `{word}` in {document:#}");
    }
    assert_ne!(found(&document, "account notes/default", "good"), [""; 0], "{document:#}");
    for finding in document["findings"].as_array().unwrap() {
        let remedy = finding["remedy"].as_str().unwrap_or_default();
        assert_eq!(remedy.is_empty(), finding["level"] == "good", "{finding:#}");
    }
}

/// Its own server, running, is no reason to worry about its ports.
#[test]
fn ports_that_our_own_server_has_are_good() {
    let site = well_site(TWO_VAULTS);
    let mut running = site.start(&["serve"]);
    let first = BufReader::new(running.child().stdout.take().unwrap()).lines().next().unwrap().unwrap();
    let address = first.strip_prefix("http://").unwrap().strip_suffix("/mcp").unwrap().to_owned();
    let site = site.with_variable(LISTEN, &address);
    let document = site.run(&["doctor", "--json"]).expect(0).json();
    let port = format!("port {}", address.rsplit(':').next().unwrap());
    assert!(found(&document, &port, "good")[0].contains("a Cofferdam server"), "{document:#}");
    running.signal(Signal::TERM);
    assert_eq!(running.ended().code, Some(0));
}
