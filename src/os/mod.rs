//! OS-specific code, with fallbacks for other platforms.
//!
//! Verified on Linux. The fallbacks for other systems are marked *not verified*.

mod descriptors;
mod files;
mod priority;
mod process_memory;
mod signals;

pub use descriptors::{DescriptorLimit, descriptor_limit, is_out_of_descriptors, raise_descriptor_limit};
pub use files::{config_dir, settings_dir, write_private_file};
#[cfg(all(test, target_os = "linux"))]
pub(crate) use priority::is_lowered;
pub use priority::lower_thread_priority;
pub use process_memory::make_undumpable;
pub use signals::ShutdownSignals;
