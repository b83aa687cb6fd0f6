//! The keychain vault: GNOME Keyring on a session bus of its own.

use std::io::Write as _;
use std::process::Stdio;

use cofferdam_servers::SecretService;
use tokio::task::block_in_place;

use super::added::AddedVault;
use super::{Failed, Fault};

/// A session with a keychain that has one item.
pub(crate) struct Keychain {
    session: SecretService,
    fault: Option<Fault>,
}

impl Keychain {
    /// Starts the session, and stores `token` by `secret-tool`.
    pub(crate) fn start(token: &str) -> Result<Self, Failed> {
        let session = block_in_place(SecretService::start)?;
        let mut store = session.command("secret-tool");
        store.args(["store", "--label=blast", "service", "cofferdam", "username", "keychain/default"]);
        let mut store = store.stdin(Stdio::piped()).spawn()?;
        // Dropped at once, which ends the input.
        store.stdin.take().ok_or("secret-tool has no input")?.write_all(token.as_bytes())?;
        match store.wait()?.success() {
            true => Ok(Self { session, fault: None }),
            false => Err("secret-tool did not store the token".into()),
        }
    }
}

impl AddedVault for Keychain {
    fn settings(&self) -> String {
        format!("backend = \"keychain\"\nbus_address = \"{}\"", self.session.address())
    }

    fn break_by(&mut self, fault: Fault) -> Result<(), Failed> {
        match fault {
            Fault::Locked => block_in_place(|| self.session.lock())?,
            Fault::BusGone => block_in_place(|| self.session.kill_bus()),
            _ => return Err(format!("a keychain cannot be made `{fault}`").into()),
        }
        self.fault = Some(fault);
        Ok(())
    }

    /// A daemon that starts unlocks its keychain.
    fn repair(&mut self) -> Result<(), Failed> {
        let fault = self.fault.take();
        block_in_place(|| {
            if fault == Some(Fault::BusGone) {
                self.session.start_bus()?;
            }
            if fault.is_some() {
                self.session.kill_daemon();
                self.session.start_daemon()?;
            }
            Ok(())
        })
    }
}
