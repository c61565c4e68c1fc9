//! Reads lines that are no longer than a line can sensibly be.

use std::io::{self, BufRead, Read as _};

/// The longest line; bytes. Its URLs are the longest thing in it.
const MAX_LINE: u64 = 1 << 16;

/// The next line without its end; `None` at the end.
///
/// # Errors
/// Those of the reader. `InvalidData`: a line that is too long, has no end, or is no UTF-8.
pub fn line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    if reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    if bytes.pop() != Some(b'\n') {
        return Err(broken("a line that is too long or has no end"));
    }
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    String::from_utf8(bytes).map(Some).map_err(|_| broken("a line that is no UTF-8"))
}

/// An error of what was read, not of reading.
pub fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}
