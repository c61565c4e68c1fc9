//! The list of paths on standard input.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::PathBuf;

/// The longest entry that is taken for a path; Linux refuses paths of more than 4,096 bytes.
const MAX_PATH: usize = 64 * 1024;

/// Reads paths one at a time: one a line, or separated by NUL when the head of the list contains one.
///
/// No path can contain a NUL, and none is longer than the head, so a NUL-separated list shows itself there. Empty
/// entries are passed over; a carriage return before a line end is not part of a path.
pub(super) struct List {
    reader: BufReader<Box<dyn Read + Send>>,
    delimiter: u8,
    /// Entries already read to learn whether there are several.
    peeked: std::collections::VecDeque<io::Result<PathBuf>>,
}

impl List {
    pub(super) fn open(mut source: Box<dyn Read + Send>) -> io::Result<List> {
        let mut head = Vec::new();
        source.by_ref().take(MAX_PATH as u64).read_to_end(&mut head)?;
        let delimiter = if head.contains(&0) { 0 } else { b'\n' };
        let mut list = List {
            reader: BufReader::new(Box::new(Cursor::new(head).chain(source))),
            delimiter,
            peeked: std::collections::VecDeque::new(),
        };
        for _ in 0..2 {
            let entry = list.read();
            list.peeked.extend(entry);
        }
        Ok(list)
    }

    /// 0, 1, or 2 for two and more.
    pub(super) fn at_least(&self) -> usize {
        self.peeked.len()
    }

    pub(super) fn next(&mut self) -> Option<io::Result<PathBuf>> {
        self.peeked.pop_front().or_else(|| self.read())
    }

    fn read(&mut self) -> Option<io::Result<PathBuf>> {
        loop {
            let mut entry = Vec::new();
            match self.reader.by_ref().take(MAX_PATH as u64 + 1).read_until(self.delimiter, &mut entry) {
                Err(error) => return Some(Err(error)),
                Ok(0) => return None,
                Ok(len) if len > MAX_PATH => {
                    let told = format!("an entry is longer than {MAX_PATH} bytes, so this is no list of paths");
                    return Some(Err(io::Error::new(io::ErrorKind::InvalidData, told)));
                }
                Ok(_) => {}
            }
            if entry.last() == Some(&self.delimiter) {
                entry.pop();
            }
            if self.delimiter == b'\n' && entry.last() == Some(&b'\r') {
                entry.pop();
            }
            if !entry.is_empty() {
                return Some(path(entry));
            }
        }
    }
}

#[cfg(unix)]
fn path(bytes: Vec<u8>) -> io::Result<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    Ok(OsString::from_vec(bytes).into())
}

#[cfg(not(unix))]
fn path(bytes: Vec<u8>) -> io::Result<PathBuf> {
    let text = String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    Ok(OsString::from(text).into())
}
