//! The binary `cofferdam`.

use std::process::ExitCode;

/// The allocator. It is faster than the system's with many small allocations on several threads, and its background
/// threads give memory back to the system within seconds after it was in use.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    cofferdam::cli::main()
}
