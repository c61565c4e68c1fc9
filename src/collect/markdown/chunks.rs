//! Cuts long Markdown into pieces that can be read one by one.

use crate::text::Span;

/// About how much is read at once, in bytes.
const CHUNK: usize = 1 << 20;

/// A part of the document to read.
pub(super) enum Piece {
    Markdown(Span),
    /// An HTML block that goes on behind its chunk.
    Html(Span),
}

/// A block at the end of a chunk that goes on behind it: where all of it stands in the document.
pub(super) struct Unfinished {
    pub(super) span: Span,
    pub(super) is_html: bool,
}

/// Whether `text` is read in more than one piece.
pub(super) fn is_long(text: &str) -> bool {
    text.len() > 2 * CHUNK
}

/// Calls `read` for the pieces of `text`, in order. When a Markdown piece ends within a block, `read` answers with that
/// block and has not read it: code holds no pictures and is skipped, HTML is handed on as it stands.
pub(super) fn each(text: &str, read: &mut dyn FnMut(Piece) -> Option<Unfinished>) {
    let mut at = 0;
    while at < text.len() {
        let end = cut(text, at);
        at = match read(Piece::Markdown(Span::new(at, end))) {
            None => end,
            Some(Unfinished { span, is_html }) => {
                if is_html {
                    read(Piece::Html(span));
                }
                span.end
            }
        };
    }
}

/// Where the chunk that begins at `at` ends.
///
/// A line that begins in the first column behind a blank line begins a block of its own, whatever came before, unless
/// that was fenced code or one of the HTML blocks that blank lines do not end. Where a megabyte holds no such line, the
/// cut is made before any line, or anywhere: a paragraph of that size is no article.
fn cut(text: &str, at: usize) -> usize {
    if text.len() - at <= 2 * CHUNK {
        return text.len();
    }
    let from = boundary(text, at + CHUNK);
    let window = &text[from..boundary(text, at + 2 * CHUNK)];
    let mut start = from;
    let (mut flush_left, mut any) = (None, None);
    let mut after_blank = false;
    for line in window.split_inclusive('\n') {
        // The first line of the window may be the rest of one.
        if start > from {
            let in_first_column = !line.starts_with(char::is_whitespace);
            if in_first_column && after_blank {
                return start;
            }
            if in_first_column && flush_left.is_none() {
                flush_left = Some(start);
            }
            any = any.or(Some(start));
            after_blank = line.trim().is_empty();
        }
        start += line.len();
    }
    flush_left.or(any).unwrap_or(from)
}

fn boundary(text: &str, at: usize) -> usize {
    (at..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

/// Where the fenced code that begins at `start` ends (CommonMark 0.31, section 4.5), the closing line included.
pub(super) fn end_of_fence(text: &str, start: usize) -> usize {
    let opening = text[start..].trim_start_matches(' ');
    let mark = if opening.starts_with('~') { '~' } else { '`' };
    let length = opening.len() - opening.trim_start_matches(mark).len();
    let closes = |line: &str| {
        let fence = line.trim_start_matches(' ');
        let rest = fence.trim_start_matches(mark);
        line.len() - fence.len() < 4 && fence.len() - rest.len() >= length && rest.trim().is_empty()
    };
    end_of_line(text, start, closes)
}

/// Where the HTML block that begins at `start` ends, if it is one that blank lines do not end (CommonMark 0.31, section
/// 4.6, kinds 1 to 5).
pub(super) fn end_of_html(text: &str, start: usize) -> Option<usize> {
    let opening = text[start..].trim_start_matches(' ');
    let after = start + text[start..].len() - opening.len();
    let verbatim = ["<pre", "<script", "<style", "<textarea"];
    if verbatim.iter().any(|tag| opening.get(..tag.len()).is_some_and(|name| name.eq_ignore_ascii_case(tag))) {
        let closing = ["</pre>", "</script>", "</style>", "</textarea>"];
        let closes = |line: &str| {
            let line = line.to_ascii_lowercase();
            closing.iter().any(|tag| line.contains(tag))
        };
        return Some(end_of_lines(text, after, closes));
    }
    let kinds = [("<!--", "-->"), ("<?", "?>"), ("<![CDATA[", "]]>"), ("<!", ">")];
    let (open, close) = kinds.iter().find(|(open, _)| opening.starts_with(open))?;
    Some(end_of_lines(text, after + open.len(), |line| line.contains(close)))
}

/// The end of the first line behind the one at `start` that `closes`.
fn end_of_line(text: &str, start: usize, closes: impl Fn(&str) -> bool) -> usize {
    let second = text[start..].find('\n').map_or(text.len(), |newline| start + newline + 1);
    end_of_lines(text, second, closes)
}

/// The end of the first line from `start` on that `closes`.
fn end_of_lines(text: &str, start: usize, closes: impl Fn(&str) -> bool) -> usize {
    let mut end = start;
    for line in text[start..].split_inclusive('\n') {
        end += line.len();
        if closes(line) {
            break;
        }
    }
    end
}
