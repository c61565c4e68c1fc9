//! What becomes of a mirror when the system fails: kills, full and broken disks, signals, clocks, lost catalogs.
//!
//! The failures come from outside (`shim.c`), and what must be true of a mirror is looked at from outside. The ordinary
//! run takes a sample; `cargo test --test cli crash -- --ignored` goes through them all, as root for those that need a
//! disk of their own.

#![cfg(target_os = "linux")]

mod damage;
mod disk;
mod errors;
mod kills;
mod many;
mod order;
mod scenario;
mod shim;
mod signals;
