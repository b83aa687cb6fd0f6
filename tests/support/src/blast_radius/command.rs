//! The command vault: a script that prints the token, and the ways in which it goes wrong.

use std::fs;
use std::path::{Path, PathBuf};

use super::added::AddedVault;
use super::{Failed, Fault};

/// The argument of the processes that a script starts.
const CHILD: &str = "child";

/// A script, and what it is while it is good.
pub(crate) struct Script {
    path: PathBuf,
    good: String,
}

impl Script {
    /// Creates it in `folder`.
    pub(crate) fn make(folder: &Path, token: &str) -> Result<Self, Failed> {
        let made = Self { path: folder.join("store.sh"), good: format!("echo '{token}'") };
        made.write(&made.good)?;
        Ok(made)
    }

    /// Replaces the script; one that runs reads the old one to its end.
    fn write(&self, text: &str) -> std::io::Result<()> {
        let new = self.path.with_extension("new");
        fs::write(&new, text)?;
        fs::rename(new, &self.path)
    }
}

impl AddedVault for Script {
    fn settings(&self) -> String {
        let script = self.path.display();
        format!(
            "backend = \"command\"\nread = [\"/bin/sh\", \"{script}\", \"{{path}}\", \"{{field}}\"]\n\
             probe = [\"/bin/sh\", \"{script}\"]"
        )
    }

    fn break_by(&mut self, fault: Fault) -> Result<(), Failed> {
        let script = self.path.display();
        self.write(&match fault {
            Fault::Hung => "exec sleep 1000".to_owned(),
            Fault::Floods => "exec yes".to_owned(),
            // Each child has a child itself, and none ends by itself.
            Fault::Forks => format!(
                "test \"$1\" = {CHILD} || for n in 1 2 3 4 5 6 7 8; do /bin/sh '{script}' {CHILD} & done\n\
                 sleep 1000; wait"
            ),
            Fault::ExitsOddly => "exit 77".to_owned(),
            _ => return Err(format!("a script cannot be made `{fault}`").into()),
        })?;
        Ok(())
    }

    fn repair(&mut self) -> Result<(), Failed> {
        Ok(self.write(&self.good)?)
    }

    fn children(&self) -> Option<usize> {
        let argument = [self.path.as_os_str().as_encoded_bytes(), b"\0", CHILD.as_bytes(), b"\0"].concat();
        let is_child = |process: &fs::DirEntry| {
            fs::read(process.path().join("cmdline")).is_ok_and(|line| line.ends_with(&argument))
        };
        let processes = fs::read_dir("/proc").ok()?.filter_map(Result::ok);
        Some(processes.filter(is_child).count())
    }
}
