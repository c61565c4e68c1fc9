//! imgmirror brings every picture of a collection of saved articles home.
//!
//! ```text
//! documents ─ collect ─▶ References ─ peel, resolve ─▶ Targets ─ scope, dedupe ─▶ Assets ─ fetch ─▶ Outcomes
//!                                                                                             │
//! mirrored documents ◀─ splice ─ Edits ◀─ plan ───────────── Catalog ◀─ record ─ Store ◀─────┘
//! ```

pub mod bundle;
pub mod cli;
pub mod collect;
pub mod commands;
pub mod config;
pub mod demo;
pub mod document;
pub mod export;
pub mod fetch;
pub mod frontier;
pub mod input;
pub mod media_type;
pub mod mirror;
pub mod page;
pub mod pipeline;
pub mod progress;
pub mod proxy;
pub mod recent;
pub mod replace;
pub mod report;
pub mod restore;
pub mod rewrite;
pub mod sanitize;
pub mod scope;
pub mod serve;
pub mod target;
pub mod text;
