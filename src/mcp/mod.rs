//! The meta-tools over rmcp.
