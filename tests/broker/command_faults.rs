//! What a command may do: exit oddly, print nothing or too much, die, leave children behind, and hang.

use std::fs;
use std::process::Command;
use std::sync::Arc;

use cofferdam::broker::{BrokerError, CompartmentPolicy, CompartmentState};
use cofferdam_vault_command::Config;

use crate::backend_under_test::{COMMAND, command, open_on_the_clock};
use crate::fixture::{Fixture, pass};

/// Each way to fail, and whether it is the vault that fails. Otherwise it is the secret, and the vault stays ready.
const FAULTS: [(&str, &str, bool); 7] = [
    ("exits oddly", "cat vault; exit 77", true),
    ("is killed", "kill -KILL $$", true),
    ("has no interpreter for its work", "exec ./absent", true),
    ("prints nothing", "exit 0", false),
    ("prints no text", "printf '\\377'", false),
    ("floods", "yes", false),
    ("floods its standard error", "yes >&2", false),
];

fn policy() -> CompartmentPolicy {
    CompartmentPolicy { cache_entries: 0, ..CompartmentPolicy::default() }
}

#[tokio::test(start_paused = true)]
async fn whatever_a_command_does_the_others_serve_and_it_comes_back_by_itself() {
    let backend = command("cat vault");
    let script = backend.folder.as_ref().unwrap().path().join("read.sh");
    let fixture = Fixture::new(Arc::clone(&backend.vault), policy());
    fixture.broker.start().await;
    for (fault, broken, is_the_vault) in FAULTS {
        println!("the command {fault}");
        fixture.call("github").await.unwrap();
        fs::write(&script, broken).unwrap();
        for _ in 0..10 {
            let failed = fixture.call("github").await;
            let unavailable = matches!(failed, Err(BrokerError::Unavailable { .. }));
            assert!(failed.is_err() && (unavailable || !is_the_vault), "{fault}: {failed:?}");
            fixture.call("notes").await.unwrap();
            pass(1).await;
        }
        let state = fixture.status("faulty").state;
        assert_eq!(state == CompartmentState::Ready, !is_the_vault, "{fault}: {state:?}");
        fs::write(&script, "cat vault").unwrap();
        pass(8).await;
        fixture.call("github").await.unwrap();
        assert_eq!(fixture.status("faulty").state, CompartmentState::Ready, "{fault}");
    }
    fixture.broker.close().await;
}

#[tokio::test(start_paused = true)]
async fn children_that_a_command_leaves_behind_are_killed_and_delay_nobody() {
    let backend = command("sleep 1000 & sleep 1000 & cat vault");
    let fixture = Fixture::new(Arc::clone(&backend.vault), policy());
    fixture.broker.start().await;
    for _ in 0..5 {
        fixture.call("github").await.unwrap();
        fixture.call("notes").await.unwrap();
    }
    fixture.broker.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_command_that_hangs_takes_its_own_vault_down_and_leaves_no_process() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    fs::write(folder.path().join("read.sh"), "trap '' TERM; exec 9>fifo; sleep 1000 & wait; wait").unwrap();
    // Ends when no process has the FIFO open any more. This one keeps it open until the commands had their time.
    let kept = fs::File::options().read(true).write(true).open(&fifo).unwrap();
    let settings = format!("{COMMAND}\nprobe = ['/bin/sh', 'read.sh']");
    let fixture = Fixture::new(open_on_the_clock::<Config>(&settings, folder.path()), policy());
    fixture.broker.start().await;
    for _ in 0..30 {
        let failed = fixture.call("github").await;
        assert!(matches!(failed, Err(BrokerError::Unavailable { .. })), "{failed:?}");
        fixture.call("notes").await.unwrap();
        pass(1).await;
    }
    assert_eq!(fixture.status("faulty").state, CompartmentState::Down);
    fixture.broker.close().await;
    let reader = fs::File::open(&fifo).unwrap();
    drop(kept);
    assert_eq!(std::io::copy(&mut &reader, &mut std::io::sink()).unwrap(), 0);
}
