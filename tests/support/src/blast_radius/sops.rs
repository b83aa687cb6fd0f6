//! The sops vault: a document, the key that opens it, and the ways to break them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cofferdam::os::write_private_file;
use cofferdam_vault::ExposeSecret as _;
use tokio::task::block_in_place;

use super::added::AddedVault;
use super::{Failed, Fault};

/// A document and its key, with what they hold while they are good.
pub(crate) struct Document {
    program: PathBuf,
    file: PathBuf,
    key: PathBuf,
    encrypted: Vec<u8>,
    good_key: String,
}

impl Document {
    /// Creates both in `folder`.
    pub(crate) fn make(folder: &Path, token: &str) -> Result<Self, Failed> {
        let program = block_in_place(cofferdam_servers::sops)?;
        let identity = age::x25519::Identity::generate();
        let plain = folder.join("plain.yaml");
        write_private_file(&plain, format!("sops/default:\n    token: {token}\n").as_bytes())?;
        let mut encrypt = Command::new(&program);
        encrypt.args(["encrypt", "--age", &identity.to_public().to_string()]).arg(&plain);
        let output = block_in_place(|| encrypt.output())?;
        fs::remove_file(&plain)?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            return Err(format!("sops does not encrypt the document: {why}").into());
        }
        let made = Self {
            program,
            file: folder.join("secrets.enc.yaml"),
            key: folder.join("sops-key.txt"),
            encrypted: output.stdout,
            good_key: identity.to_string().expose_secret().to_owned(),
        };
        made.write()?;
        Ok(made)
    }

    fn write(&self) -> std::io::Result<()> {
        write_private_file(&self.key, self.good_key.as_bytes())?;
        write_private_file(&self.file, &self.encrypted)
    }
}

impl AddedVault for Document {
    fn settings(&self) -> String {
        format!(
            "backend = \"sops\"\nfile = \"{}\"\nage_key_file = \"{}\"\nprogram = \"{}\"",
            self.file.display(),
            self.key.display(),
            self.program.display()
        )
    }

    fn break_by(&mut self, fault: Fault) -> Result<(), Failed> {
        match fault {
            // As a merge in git that took half of each side.
            Fault::Corrupted => write_private_file(&self.file, &self.encrypted[..self.encrypted.len() / 2])?,
            Fault::KeyMissing => fs::remove_file(&self.key)?,
            _ => return Err(format!("a document cannot be made `{fault}`").into()),
        }
        Ok(())
    }

    fn repair(&mut self) -> Result<(), Failed> {
        Ok(self.write()?)
    }
}
