//! What both transports accept.

use rmcp::model::ProtocolVersion;

/// The supported protocol revisions, oldest first.
pub const REVISIONS: [ProtocolVersion; 3] =
    [ProtocolVersion::V_2025_06_18, ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2026_07_28];

/// The maximum size of a request, in bytes. Leaves space for the content of a file in the arguments of a tool.
pub(crate) const MAX_REQUEST_BYTES: usize = 4 * 1024 * 1024;

/// Whether a request of this revision is stateless.
pub(crate) fn is_stateless(revision: Option<&ProtocolVersion>) -> bool {
    revision.is_some_and(|revision| *revision >= ProtocolVersion::V_2026_07_28)
}
