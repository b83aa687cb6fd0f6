//! A vault that only the scenarios about it have: its programs would slow the others.

use std::path::Path;

use super::command::Script;
use super::keychain::Keychain;
use super::profile::token;
use super::sops::Document;
use super::{Failed, Fault, Target};

/// A vault that is made for a scenario. Dropped, it leaves no process behind.
pub(crate) trait AddedVault: Send {
    /// The backend's settings.
    fn settings(&self) -> String;

    /// Makes it fail.
    fn break_by(&mut self, fault: Fault) -> Result<(), Failed>;

    /// Repairs it; it works when this returns.
    fn repair(&mut self) -> Result<(), Failed>;

    /// How many processes still run that its program has started; `None` if it starts none.
    fn children(&self) -> Option<usize> {
        None
    }
}

/// The vault of `target` with the token of its module, with files in `folder`; `None` if every scenario has that vault.
pub(crate) fn start(target: Target, folder: &Path) -> Result<Option<Box<dyn AddedVault>>, Failed> {
    let token = token(target.module());
    Ok(match target {
        Target::Hashicorp | Target::Aws | Target::Age | Target::Kubernetes => None,
        Target::Keychain => Some(Box::new(Keychain::start(&token)?)),
        Target::Command => Some(Box::new(Script::make(folder, &token)?)),
        Target::Sops => Some(Box::new(Document::make(folder, &token)?)),
    })
}
