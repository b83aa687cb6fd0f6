//! The threads of the attackers and of their services.
//!
//! In the world they are other machines, which take no processor from those who measure. Here they have the lowest priority,
//! so that the time of an honest call contains what the server takes, and not what it takes to attack it.

use std::io;
use std::sync::LazyLock;

use tokio::runtime::{Builder, Runtime};
use tokio_util::task::AbortOnDropHandle;

use super::Failed;

/// The lowest priority on Linux.
const NICE: i32 = 19;

/// A runtime of their own, from the first attack on until the process ends.
static RUNTIME: LazyLock<io::Result<Runtime>> = LazyLock::new(|| {
    Builder::new_multi_thread()
        .enable_all()
        .thread_name("attackers")
        .on_thread_start(|| {
            // Without a process, Linux changes the current thread alone. It may always lower its priority.
            let _ = rustix::process::setpriority_process(None, NICE);
        })
        .build()
});

/// Runs a task on these threads. Dropping the returned value ends it.
pub(super) fn spawn<F>(task: F) -> Result<AbortOnDropHandle<F::Output>, Failed>
where
    F: Future<Output: Send> + Send + 'static,
{
    let runtime = RUNTIME.as_ref().map_err(|error| format!("no threads for the attackers: {error}"))?;
    Ok(AbortOnDropHandle::new(runtime.spawn(task)))
}

/// Starts a service, which then runs on these threads.
pub(super) async fn start<T: Send + 'static>(
    service: impl Future<Output = Result<T, Failed>> + Send + 'static,
) -> Result<T, Failed> {
    spawn(service)?.await?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn they_have_the_lowest_priority_and_others_keep_theirs() {
        let priority = || rustix::process::getpriority_process(None).unwrap();
        let usual = priority();
        assert_eq!(start(async move { Ok(priority()) }).await.unwrap(), NICE);
        assert_eq!(priority(), usual);
        // What a service spawns runs there, too.
        let spawned = start(async move { Ok(tokio::spawn(async move { priority() }).await?) }).await;
        assert_eq!(spawned.unwrap(), NICE);
    }
}
