//! The limit of open file descriptors: files, sockets and pipes of this process.

use std::io;

/// The limits of open file descriptors. `u64::MAX` if there is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DescriptorLimit {
    /// The limit that applies.
    pub soft: u64,
    /// The limit up to which this process may raise the soft one.
    pub hard: u64,
}

/// Returns the limits of this process. Outside of Unix there is none (*not verified*).
pub fn descriptor_limit() -> DescriptorLimit {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit};
        let limit = getrlimit(Resource::Nofile);
        DescriptorLimit { soft: limit.current.unwrap_or(u64::MAX), hard: limit.maximum.unwrap_or(u64::MAX) }
    }
    #[cfg(not(unix))]
    DescriptorLimit { soft: u64::MAX, hard: u64::MAX }
}

/// Raises the soft limit to the hard limit. Does nothing outside of Unix.
///
/// The soft limit is 1024 on most systems, for programs that use `select`. This one does not.
///
/// # Errors
///
/// Returns an error if the system refuses. The limits are unchanged then.
pub fn raise_descriptor_limit() -> io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        if limit.current != limit.maximum {
            setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
        }
    }
    Ok(())
}

/// Whether `error` says that this process, or the system, has no free file descriptor.
pub fn is_out_of_descriptors(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        use rustix::io::Errno;
        [Errno::MFILE, Errno::NFILE].iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
    }
    #[cfg(not(unix))]
    {
        let _ = error;
        false
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_limit() {
        raise_descriptor_limit().unwrap();
        let limit = descriptor_limit();
        assert_eq!(limit.soft, limit.hard);
    }

    #[test]
    fn an_error_says_whether_descriptors_are_used_up() {
        use rustix::io::Errno;
        for errno in [Errno::MFILE, Errno::NFILE] {
            assert!(is_out_of_descriptors(&errno.into()), "{errno}");
        }
        assert!(!is_out_of_descriptors(&Errno::CONNABORTED.into()));
        assert!(!is_out_of_descriptors(&io::ErrorKind::OutOfMemory.into()));
    }
}
