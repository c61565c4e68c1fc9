//! The tokenizer's input, read so that no page is deeper than the stack.
//!
//! html5gum goes from one double-quoted attribute to the next by calls that do not return in between, so one tag with
//! thousands of attributes would end the program. Here the reader now and then refuses to go on at the one place of
//! that circle where the tokenizer keeps nothing on the stack: in front of what follows the closing quote. It is asked
//! again from the top, and goes on as if nothing had been.

use std::convert::Infallible;
use std::fmt;

use html5gum::emitters::Emitter;
use html5gum::{Readable, Reader, State, StringReader, Tokenizer};

/// How many attributes may lie on the stack. One takes up to six kilobytes of it.
const MAX_DEPTH: u8 = 8;

/// Runs `emitter` over the whole of `html`.
pub(crate) fn tokenize(html: &str, emitter: impl Emitter<Token = Infallible>) {
    let mut tokenizer = Tokenizer::new_with_emitter(Paced::new(html), emitter);
    while let Some(Err(Pause)) = tokenizer.next() {}
}

/// Runs `emitter` over the whole of `html`, whatever tokens it gives.
#[cfg(test)]
pub(super) fn tokenize_all(html: &str, emitter: impl Emitter<Token = ()>) {
    let mut tokenizer = Tokenizer::new_with_emitter(Paced::new(html), emitter);
    while tokenizer.next().is_some() {}
}

/// Runs `emitter` over `html`, which begins in the given state, until it gives a token. `false` at the end of the text.
pub(crate) fn tokenize_tag(html: &str, state: State, emitter: impl Emitter<Token = ()>) -> bool {
    let mut tokenizer = Tokenizer::new_with_emitter(Paced::new(html), emitter);
    tokenizer.set_state(state);
    loop {
        match tokenizer.next() {
            Some(Ok(())) => return true,
            Some(Err(Pause)) => {}
            None => return false,
        }
    }
}

/// Not an error: the tokenizer returns to whoever called it and can be called again.
#[derive(Debug)]
struct Pause;

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the tokenizer pauses")
    }
}

impl std::error::Error for Pause {}

struct Paced<'a> {
    inner: StringReader<'a>,
    /// Whether what was read last is a quote that was searched for. When a single byte is read next, the quote has
    /// ended an attribute value (or an identifier of a DOCTYPE), and the tokenizer's state says so already.
    behind_quote: bool,
    depth: u8,
}

impl<'a> Paced<'a> {
    fn new(html: &'a str) -> Self {
        Paced { inner: html.to_reader(), behind_quote: false, depth: 0 }
    }
}

fn never<T>(read: Result<T, Infallible>) -> Result<T, Pause> {
    read.map_err(|never| match never {})
}

impl Reader for Paced<'_> {
    type Error = Pause;

    #[inline(always)]
    fn read_byte(&mut self) -> Result<Option<u8>, Pause> {
        if self.behind_quote {
            self.behind_quote = false;
            self.depth += 1;
            if self.depth == MAX_DEPTH {
                self.depth = 0;
                return Err(Pause);
            }
        }
        never(self.inner.read_byte())
    }

    #[inline(always)]
    fn try_read_string(&mut self, wanted: &[u8], case_sensitive: bool) -> Result<bool, Pause> {
        self.behind_quote = false;
        never(self.inner.try_read_string(wanted, case_sensitive))
    }

    #[inline(always)]
    fn read_until<'b>(&'b mut self, needle: &[u8], buffer: &'b mut [u8; 4]) -> Result<Option<&'b [u8]>, Pause> {
        let read = never(self.inner.read_until(needle, buffer))?;
        self.behind_quote = read == Some(b"\"");
        Ok(read)
    }
}
