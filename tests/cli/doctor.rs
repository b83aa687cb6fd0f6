//! `doctor`: what is wrong, and what to do about it.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;

use rustix::process::Signal;

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
        [(silent.local_addr().unwrap().to_string(), "within"), (other_address, "not as a Cofferdam")]
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
