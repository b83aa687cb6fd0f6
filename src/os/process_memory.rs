//! Protects the memory of this process from core dumps and debuggers.

use std::io;

/// Keeps the memory of this process out of core dumps and away from debuggers of the same user.
///
/// Call this before the first secret is read. On Linux the process also becomes undumpable: only privileged users can
/// then use `ptrace` or read `/proc/PID/mem`. On other Unix systems only the size limit of core dumps is set to zero
/// (*not verified*).
///
/// # Errors
///
/// Returns an error if the system refuses, and `Unsupported` if it has no such setting (*not verified*: Windows).
pub fn make_undumpable() -> io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    }
    if cfg!(unix) { Ok(()) } else { Err(io::ErrorKind::Unsupported.into()) }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

    #[test]
    fn an_undumpable_process_leaves_no_core() {
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::Dumpable);
        make_undumpable().unwrap();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
    }
}
