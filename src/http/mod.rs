//! Routes, middleware and health over axum.
