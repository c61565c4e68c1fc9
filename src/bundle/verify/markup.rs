//! Reads markup: every tag, whatever stands around it.
//!
//! Nothing is taken for raw text: in `style` and `title`, too, a tag is a tag. So nothing that any reader takes for an
//! element is missed; text that only looks like one does not stand in pages of this program, which escape it.

use html5gum::Span;
use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};

use crate::collect::html::paced;

/// A piece of markup.
#[derive(Debug)]
pub enum Piece<'a> {
    Start(&'a Tag),
    /// An end tag, by its name in small letters.
    End(&'a str),
    Text(&'a str),
    /// A comment, or what a parser of HTML takes for one: processing instructions, CDATA sections.
    Comment(&'a str),
    Doctype {
        name: &'a str,
        /// Nothing but a name stands in it.
        plain: bool,
    },
}

/// A start tag.
#[derive(Debug, Default)]
pub struct Tag {
    /// In small letters.
    pub name: String,
    /// Names in small letters, values decoded; duplicates are all there.
    pub attributes: Vec<(String, String)>,
    pub closes: bool,
}

impl Tag {
    /// The value of the first attribute of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Calls `each` for every piece, in order.
pub fn read(markup: &str, each: &mut dyn FnMut(Piece<'_>)) {
    let mut tag = Tag::default();
    let callback = |event: CallbackEvent<'_>, _: Span<()>| {
        match event {
            CallbackEvent::OpenStartTag { name } => tag = Tag { name: text(name), ..Tag::default() },
            CallbackEvent::AttributeName { name } => tag.attributes.push((text(name), String::new())),
            CallbackEvent::AttributeValue { value } => {
                if let Some((_, last)) = tag.attributes.last_mut() {
                    *last = text(value);
                }
            }
            CallbackEvent::CloseStartTag { self_closing } => {
                tag.closes = self_closing;
                each(Piece::Start(&tag));
            }
            CallbackEvent::EndTag { name } => each(Piece::End(&text(name))),
            CallbackEvent::String { value } => each(Piece::Text(&String::from_utf8_lossy(value))),
            CallbackEvent::Comment { value } => each(Piece::Comment(&String::from_utf8_lossy(value))),
            CallbackEvent::Doctype { name, public_identifier, system_identifier, force_quirks } => {
                let plain = public_identifier.is_none() && system_identifier.is_none() && !force_quirks;
                each(Piece::Doctype { name: &text(name), plain });
            }
            CallbackEvent::Error(_) => {}
        }
        None
    };
    paced::tokenize(markup, CallbackEmitter::new(callback));
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
