//! Placeholder.
use super::{Sink, Slot};
#[derive(Clone, Copy)]
pub enum Context {
    Stylesheet,
    Declarations,
}
pub fn collect(_: &str, _: Context, _: &Slot, _: &mut Sink<'_>) {}
