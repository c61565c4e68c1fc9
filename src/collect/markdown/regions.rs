//! Parts of a Markdown text that a site generator leaves out or leaves alone.

use crate::collect::Reference;

/// `{% raw %}` and `{% comment %}` regions, closed ones only: a tag that is merely talked about opens nothing.
#[derive(Default)]
pub(super) struct Regions {
    closed: Vec<(Kind, usize, usize)>,
    open: Option<(Kind, usize)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Markdown in it is shown as it is written; HTML in it is HTML.
    Raw,
    /// Nothing in it is shown.
    Comment,
}

impl Regions {
    /// Takes note of the tag `name`, in the order of the text. Regions do not nest: inside of one, other tags are text.
    pub(super) fn tag(&mut self, name: &str, at: usize) {
        let (kind, opens) = match name {
            "raw" => (Kind::Raw, true),
            "endraw" => (Kind::Raw, false),
            "comment" => (Kind::Comment, true),
            "endcomment" => (Kind::Comment, false),
            _ => return,
        };
        match self.open {
            None if opens => self.open = Some((kind, at)),
            Some((open, start)) if open == kind && !opens => {
                self.closed.push((kind, start, at));
                self.open = None;
            }
            _ => {}
        }
    }

    /// Whether a reader sees the picture of `reference`.
    pub(super) fn shows(&self, reference: &Reference) -> bool {
        let at = reference.span.start;
        let begun = self.closed.partition_point(|(_, start, _)| *start <= at);
        match begun.checked_sub(1).and_then(|last| self.closed.get(last)) {
            Some((Kind::Raw, _, end)) if at < *end => !reference.slot.as_str().starts_with("md:"),
            Some((Kind::Comment, _, end)) => at >= *end,
            _ => true,
        }
    }
}
