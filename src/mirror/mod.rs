//! Placeholder.

pub mod digest;
pub mod store;
