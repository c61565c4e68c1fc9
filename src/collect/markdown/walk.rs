//! Follows the events of the Markdown parser through one chunk.

use pulldown_cmark::{BrokenLink, CodeBlockKind, CowStr, Event, LinkType, Options, Parser, RefDefs, Tag, TagEnd};

use super::chunks::{self, Unfinished};
use super::definitions::{Definition, Definitions};
use super::{Gathered, Reader, destination, prose};
use crate::collect::value::is_inert;
use crate::collect::{Layer, Layers, Reference, Slot, nested};
use crate::text::{OffsetMap, Span, Text};

/// The extensions that blogs use.
pub(super) const OPTIONS: Options = Options::ENABLE_TABLES
    .union(Options::ENABLE_FOOTNOTES)
    .union(Options::ENABLE_STRIKETHROUGH)
    .union(Options::ENABLE_TASKLISTS);

/// One chunk of a document while it is read. All spans in here are relative to the chunk.
pub(super) struct Walk<'a, 'g> {
    text: &'a str,
    /// The chunk, in `text`.
    span: Span,
    reader: &'g Reader<'g>,
    definitions: &'g Definitions,
    gathered: &'g mut Gathered,
    open: Vec<Open>,
    images: usize,
    in_code: bool,
    /// HTML of the block at hand.
    pieces: Vec<HtmlPiece>,
    /// Text of the block at hand that has not been searched yet.
    prose: Option<Span>,
}

/// A link or an image whose text is being read.
struct Open {
    is_image: bool,
    /// What it says, when its destination still has to be found.
    url: Option<String>,
    /// Where its text ends, as far as is known.
    text_end: usize,
}

struct HtmlPiece {
    span: Span,
    /// Without the marks of block quotes that stand between its lines; `None` when there are none.
    text: Option<String>,
}

/// The block that `event` begins, if it goes on behind the end of its chunk.
pub(super) fn unfinished(text: &str, chunk: Span, event: &Event<'_>, block: Span) -> Option<Unfinished> {
    let Event::Start(tag) = event else { return None };
    let last = text[chunk.start + block.end..chunk.end].trim().is_empty() && chunk.end < text.len();
    if !last {
        return None;
    }
    let start = chunk.start + block.start;
    let (end, is_html) = match tag {
        Tag::CodeBlock(CodeBlockKind::Fenced(_)) => (chunks::end_of_fence(text, start), false),
        Tag::HtmlBlock => (chunks::end_of_html(text, start)?, true),
        _ => return None,
    };
    (end > chunk.end).then(|| Unfinished { span: Span::new(start, end), is_html })
}

impl<'a, 'g> Walk<'a, 'g> {
    pub(super) fn new(
        text: &'a str,
        span: Span,
        reader: &'g Reader<'g>,
        definitions: &'g Definitions,
        gathered: &'g mut Gathered,
    ) -> Self {
        let (open, pieces) = (Vec::new(), Vec::new());
        Walk { text, span, reader, definitions, gathered, open, images: 0, in_code: false, pieces, prose: None }
    }

    fn chunk(&self) -> &'a str {
        &self.text[self.span.start..self.span.end]
    }

    /// Reads the chunk. When it ends within a block that goes on behind it, that block is left out and returned.
    pub(super) fn run(mut self) -> Option<Unfinished> {
        let definitions = self.definitions;
        // Only says that the label is known elsewhere.
        let elsewhere = |link: BrokenLink<'a>| {
            definitions.get(&link.reference).map(|_| (CowStr::Borrowed(""), CowStr::Borrowed("")))
        };
        let elsewhere = (!definitions.is_empty()).then_some(elsewhere);
        let mut events = Parser::new_with_broken_link_callback(self.chunk(), OPTIONS, elsewhere).into_offset_iter();
        let mut depth = 0usize;
        while let Some((event, range)) = events.next() {
            let span = Span::new(range.start, range.end);
            if depth == 0
                && let Some(block) = unfinished(self.text, self.span, &event, span)
            {
                self.end_block();
                return Some(block);
            }
            match &event {
                Event::Start(_) => depth += 1,
                Event::End(_) => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.event(event, span, events.reference_definitions());
        }
        self.end_block();
        None
    }

    fn event(&mut self, event: Event<'a>, span: Span, local: &RefDefs<'_>) {
        let ends_link = matches!(event, Event::End(TagEnd::Link | TagEnd::Image));
        if let Some(open) = self.open.last_mut().filter(|_| !ends_link) {
            open.text_end = open.text_end.max(span.end);
        }
        match event {
            Event::Start(tag) => self.start(tag, span, local),
            Event::End(TagEnd::Link | TagEnd::Image) => self.end_link(span),
            Event::End(TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough) => {}
            Event::End(_) => self.end_block(),
            Event::Text(_) if !self.in_code && self.images == 0 => self.text(span),
            Event::Html(text) | Event::InlineHtml(text) => {
                self.end_prose();
                let text = (!matches!(text, CowStr::Borrowed(_))).then(|| text.into_string());
                self.pieces.push(HtmlPiece { span, text });
            }
            Event::SoftBreak | Event::HardBreak | Event::Text(_) => {}
            _ => self.end_prose(),
        }
    }

    fn start(&mut self, tag: Tag<'a>, span: Span, local: &RefDefs<'_>) {
        match tag {
            Tag::Emphasis | Tag::Strong | Tag::Strikethrough => {}
            Tag::Image { link_type, dest_url, id, .. } => {
                self.images += 1;
                self.start_link(true, link_type, dest_url, &id, span, local);
            }
            Tag::Link { link_type, dest_url, id, .. } => {
                self.start_link(false, link_type, dest_url, &id, span, local);
            }
            Tag::CodeBlock(_) => {
                self.end_block();
                self.in_code = true;
            }
            _ => self.end_block(),
        }
    }

    fn start_link(
        &mut self,
        is_image: bool,
        link_type: LinkType,
        url: CowStr<'a>,
        id: &str,
        span: Span,
        local: &RefDefs<'_>,
    ) {
        self.end_prose();
        let mut pending = None;
        match link_type {
            LinkType::Inline => match destination::borrowed(self.chunk(), &url) {
                Some(at) => self.link(is_image, at, &url),
                None => pending = Some(url.into_string()),
            },
            LinkType::Autolink => {
                // In what was to be a destination and is none, a link would make the text around it one after all.
                let in_broken_link = self.chunk().get(..span.start).is_some_and(|before| before.ends_with("]("));
                if !in_broken_link && (self.reader.names_image)(&url) {
                    self.report("md:link", span.shifted(self.span.start), &url, Layer::MarkdownAutolink);
                }
            }
            LinkType::Reference | LinkType::Collapsed | LinkType::Shortcut => {
                if let Some(found) = local.get(id) {
                    let place = Span::new(found.span.start, found.span.end).shifted(self.span.start);
                    if self.gathered.used.insert((place, is_image)) {
                        let located = Definition::locate(self.chunk(), self.span.start, &found.dest, &found.span);
                        located.iter().for_each(|definition| self.definition(is_image, definition));
                    }
                }
            }
            LinkType::ReferenceUnknown | LinkType::CollapsedUnknown | LinkType::ShortcutUnknown => {
                if let Some(found) = self.definitions.get(id)
                    && self.gathered.used.insert((found.span, is_image))
                {
                    self.definition(is_image, found);
                }
            }
            LinkType::Email | LinkType::WikiLink { .. } => {}
        }
        let text_end = span.start + if is_image { 2 } else { 1 };
        self.open.push(Open { is_image, url: pending, text_end });
    }

    fn end_link(&mut self, span: Span) {
        self.end_prose();
        let Some(open) = self.open.pop() else { return };
        self.images -= usize::from(open.is_image);
        if let Some(url) = open.url
            && let Some(at) = destination::of_inline(self.chunk(), open.text_end, span.end)
        {
            self.link(open.is_image, at, &url);
        }
    }

    fn link(&mut self, is_image: bool, at: Span, url: &str) {
        if is_image || (self.reader.names_image)(url) {
            let slot = if is_image { "md:image" } else { "md:link" };
            let layer = destination::layer(self.chunk(), at);
            self.report(slot, at.shifted(self.span.start), url, layer);
        }
    }

    fn definition(&mut self, is_image: bool, definition: &Definition) {
        if is_image || (self.reader.names_image)(&definition.url) {
            self.report("md:definition", definition.span, &definition.url, definition.layer);
        }
    }

    /// `span` is relative to the whole text.
    fn report(&mut self, slot: &'static str, span: Span, url: &str, layer: Layer) {
        let url = url.trim();
        if !is_inert(url) {
            let reference = Reference { span, slot: Slot::new(slot), url: url.to_owned(), layers: Layers::of(layer) };
            self.gathered.found.push(reference);
        }
    }

    /// Lengthens the stretch of text at hand. Between its parts may stand what the parser has made a break, an escape
    /// or emphasis of.
    fn text(&mut self, span: Span) {
        const MARKS: &[u8] = b" \t\r\n>*_~\\";
        let chunk = self.chunk();
        match self.prose {
            Some(run)
                if run.end <= span.start
                    && chunk.as_bytes()[run.end..span.start].iter().all(|byte| MARKS.contains(byte)) =>
            {
                self.prose = Some(Span::new(run.start, span.end));
            }
            _ => {
                self.end_prose();
                self.prose = Some(span);
            }
        }
    }

    fn end_prose(&mut self) {
        if let Some(run) = self.prose.take() {
            let chunk = self.chunk();
            let Gathered { found, regions, .. } = &mut *self.gathered;
            let base = self.span.start;
            prose::scan(chunk, run, self.reader.names_image, &mut |piece| match piece {
                prose::Found::Reference(mut reference) => {
                    reference.span = reference.span.shifted(base);
                    found.push(reference);
                }
                prose::Found::Tag(name, at) => regions.tag(name, base + at),
            });
        }
    }

    fn end_block(&mut self) {
        self.in_code = false;
        self.end_prose();
        let pieces = std::mem::take(&mut self.pieces);
        let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { return };
        let whole = pieces.windows(2).all(|pair| pair[0].span.end == pair[1].span.start)
            && pieces.iter().all(|piece| piece.text.is_none());
        let chunk = self.chunk();
        let text = if whole { Text::plain(&chunk[first.span.start..last.span.end]) } else { joined(chunk, &pieces) };
        let found = &mut self.gathered.found;
        let offset = self.span.start + first.span.start;
        let mut sink = |reference| found.push(reference);
        let map: &OffsetMap = &text.map;
        (self.reader.html)(&text.text, &mut nested(map, offset, Layers::default(), &mut sink));
    }
}

/// One text of pieces of HTML, without what stands between them.
fn joined(chunk: &str, pieces: &[HtmlPiece]) -> Text<'static> {
    let mut builder = Text::builder();
    let mut at = pieces.first().map_or(0, |piece| piece.span.start);
    for HtmlPiece { span, text } in pieces {
        builder.escape(span.start.saturating_sub(at), "");
        let raw = &chunk[span.start..span.end];
        match text {
            None => builder.verbatim(raw),
            Some(text) => {
                // The text is the raw text with some characters left out.
                let mut wanted = text.chars().peekable();
                for c in raw.chars() {
                    if wanted.next_if_eq(&c).is_some() {
                        builder.verbatim(c.encode_utf8(&mut [0; 4]));
                    } else {
                        builder.escape(c.len_utf8(), "");
                    }
                }
            }
        }
        at = span.end;
    }
    builder.build()
}
