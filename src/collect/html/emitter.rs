//! What [`Walker`] keeps of what the tokenizer tells: names, and positions of values.

use html5gum::emitters::Emitter;
use html5gum::{Error, State};

use super::walk::{AttributeSlot, MAX_ATTRIBUTES, Namespace, Tag, Walker};

/// Appends a piece of a name. The source is text, so a piece that is not can only be a character cut in two.
fn push(text: &mut String, piece: &[u8]) {
    match std::str::from_utf8(piece) {
        Ok(piece) => text.push_str(piece),
        Err(_) => text.push(char::REPLACEMENT_CHARACTER),
    }
}

impl Emitter for &mut Walker<'_, '_> {
    /// Says that the tokenizer may stop here.
    type Token = ();

    fn set_last_start_tag(&mut self, name: Option<&[u8]>) {
        self.last_start_name.clear();
        self.last_start_name.push_str(std::str::from_utf8(name.unwrap_or_default()).unwrap_or_default());
    }

    fn emit_eof(&mut self) {}
    fn emit_error(&mut self, _: Error) {}

    #[inline]
    fn should_emit_errors(&mut self) -> bool {
        false
    }

    #[inline]
    fn pop_token(&mut self) -> Option<Self::Token> {
        std::mem::take(&mut self.is_tag_over).then_some(())
    }

    #[inline]
    fn emit_string(&mut self, _: &[u8]) {}

    fn init_start_tag(&mut self) {
        self.kind = Tag::Start;
        self.name.clear();
        self.names.clear();
        self.slots.clear();
        self.is_plain = false;
        self.self_closing = false;
    }

    fn init_end_tag(&mut self) {
        self.init_start_tag();
        self.kind = Tag::End;
    }

    fn init_comment(&mut self) {
        self.kind = Tag::None;
    }

    fn emit_current_tag(&mut self) -> Option<State> {
        let state = match self.kind {
            Tag::Start => self.start_tag(),
            Tag::End => {
                self.end_tag();
                None
            }
            Tag::None => None,
        };
        self.is_tag_over = state.is_none();
        state
    }

    fn emit_current_comment(&mut self) {}
    fn emit_current_doctype(&mut self) {}

    fn set_self_closing(&mut self) {
        self.self_closing = true;
    }

    fn set_force_quirks(&mut self) {}

    #[inline]
    fn push_tag_name(&mut self, name: &[u8]) {
        push(&mut self.name, name);
    }

    fn push_comment(&mut self, _: &[u8]) {}
    fn push_doctype_name(&mut self, _: &[u8]) {}

    fn init_doctype(&mut self) {
        self.kind = Tag::None;
    }

    #[inline]
    fn init_attribute(&mut self) {
        self.recording = self.slots.len() < MAX_ATTRIBUTES;
        if self.recording {
            let start = self.names.len();
            self.slots.push(AttributeSlot { name: (start, start), value: None, value_end: None });
        }
    }

    #[inline]
    fn init_attribute_value(&mut self) {
        if let Some(slot) = self.slots.last_mut().filter(|_| self.recording) {
            slot.value = Some(self.position);
        }
    }

    #[inline]
    fn push_attribute_name(&mut self, name: &[u8]) {
        if let Some(slot) = self.slots.last_mut().filter(|_| self.recording) {
            self.names.extend_from_slice(name);
            slot.name.1 = self.names.len();
        }
    }

    #[inline]
    fn push_attribute_value(&mut self, _: &[u8]) {}

    fn set_doctype_public_identifier(&mut self, _: &[u8]) {}
    fn set_doctype_system_identifier(&mut self, _: &[u8]) {}
    fn push_doctype_public_identifier(&mut self, _: &[u8]) {}
    fn push_doctype_system_identifier(&mut self, _: &[u8]) {}

    #[inline]
    fn start_open_tag(&mut self) {
        self.tag_start = self.position.saturating_sub(1);
    }

    #[inline]
    fn current_is_appropriate_end_tag_token(&mut self) -> bool {
        self.kind == Tag::End && !self.last_start_name.is_empty() && self.last_start_name == self.name
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&mut self) -> bool {
        self.namespace() != Namespace::Html
    }

    #[inline]
    fn move_position(&mut self, offset: isize) {
        self.position = self.position.saturating_add_signed(offset);
    }
}
