//! The scheduling priority of threads.

/// By how much the priority of a thread is lowered. Where two threads compete for a processor, one of usual priority gets
/// nine times as much of it, and runs at once when it becomes ready.
///
/// It is not the lowest one. A thread may be interrupted while it holds a lock that others wait for, such as one of the
/// allocator, of the log, of a [`FairShare`](cofferdam_vault::FairShare) or of a runtime's queue. Each of them is held for
/// less than a microsecond, and nothing waits for anything else meanwhile. With a tenth of a processor, the thread
/// soon releases it even if no processor is idle.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Lets the threads of usual priority run before the current thread, for the rest of its life: without privileges, no
/// thread can raise its priority again. So it is for threads that do nothing else than what may wait.
///
/// The priority is relative to that of the process, so another call changes nothing. Does nothing if the system refuses, and
/// on other systems than Linux, where priorities belong to processes.
pub fn lower_thread_priority() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{getpid, getpriority_process, setpriority_process};
        // The process has the id of its first thread. Without one, Linux changes the current thread alone.
        if let Ok(usual) = getpriority_process(Some(getpid())) {
            let _ = setpriority_process(None, usual.saturating_add(NICE));
        }
    }
}

/// Whether the current thread has a lower priority than the process. `None` if the system does not say.
#[cfg(all(test, target_os = "linux"))]
pub(crate) fn is_lowered() -> Option<bool> {
    use rustix::process::{getpid, getpriority_process};
    Some(getpriority_process(None).ok()? > getpriority_process(Some(getpid())).ok()?)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_current_thread_alone_is_lowered_and_only_once() {
        let priority = || rustix::process::getpriority_process(None).unwrap();
        let usual = priority();
        let lowered = std::thread::spawn(move || {
            lower_thread_priority();
            lower_thread_priority();
            (priority() - usual, is_lowered())
        });
        assert_eq!(lowered.join().unwrap(), (NICE, Some(true)));
        assert_eq!((priority(), is_lowered()), (usual, Some(false)));
    }
}
