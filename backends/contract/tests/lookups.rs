//! The look-ups of a whole process share a bound, so this test has a process of its own.

#![allow(clippy::unwrap_used)] // a panic in a test is its report

use std::sync::{Arc, Mutex, mpsc};

use cofferdam_vault::{HostResolver, NamesOf};
use tokio::sync::mpsc::unbounded_channel;

/// More than can look up names at once.
const MODULES: usize = 100;

/// The look-ups of modules that run at once.
const MAX: usize = 64;

#[tokio::test]
async fn modules_whose_look_ups_hang_leave_threads_for_vaults_and_for_the_rest_of_the_process() {
    let (release, hang) = mpsc::channel::<()>();
    let hang = Arc::new(Mutex::new(hang));
    let (start, mut starts) = unbounded_channel();
    let module = |index: usize| {
        let (start, hang) = (start.clone(), Arc::clone(&hang));
        HostResolver::with_lookup(NamesOf::Module(format!("module {index}")), 2, move |_| {
            start.send(()).unwrap();
            let _ = hang.lock().unwrap().recv();
            Ok(vec![([10, 1, 2, 3], 0).into()])
        })
    };
    let modules: Vec<_> = (0..MODULES).map(module).collect();
    let mut calls = Vec::new();
    for module in &modules {
        for host in ["a.example", "b.example"] {
            let module = module.clone();
            calls.push(tokio::spawn(async move { module.resolve(host).await }));
        }
    }
    for _ in 0..MAX {
        starts.recv().await.unwrap();
    }
    let vault = HostResolver::with_lookup(NamesOf::Vault("vault".to_owned()), 2, |_| {
        Ok(vec![([10, 1, 2, 4], 0).into()])
    });
    assert_eq!(vault.resolve("vault.example").await.unwrap().len(), 1);
    assert!(starts.try_recv().is_err(), "more than {MAX} look-ups of modules run");
    assert_eq!(modules.iter().map(HostResolver::count).sum::<usize>(), MAX);

    // Those that wait run once others end.
    drop(release);
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().len(), 1);
    }
}
