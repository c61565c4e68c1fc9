//! End-to-end tests: the built program, real files, real servers on loopback. Nothing here knows how the program works
//! inside; what it promises is in its help, its README and its output.
//!
//! Every test has a folder of its own and, where it needs one, an origin server of its own on a free port. The documents
//! name the hosts that they would name in the world; `--connect-to` leads those to the test's server, and `--cacert`
//! makes its certificates trusted.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

mod archives;
mod bad_input;
mod base;
mod browser;
mod bundle;
mod check;
mod crash;
mod durability;
mod encodings;
mod explain;
mod export;
mod faults;
mod hostile;
mod http2;
mod in_place;
mod learned;
mod links;
mod metrics;
mod missing;
mod outgoing;
mod prune;
mod recovery;
mod repair;
mod report;
mod restore;
mod reuse;
mod runs;
mod schedule;
mod scope;
mod serve;
mod settings;
mod slots;
mod status;
mod sync;
mod tls;
mod updates;
mod watch;
