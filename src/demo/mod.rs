//! Placeholder.

pub mod pictures;
