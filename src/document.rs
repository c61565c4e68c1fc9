//! One input file, read and decoded: its bytes as they stand on disk, its text, and the way back from one to the other.

mod encoding;
mod format;

use std::borrow::Cow;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use encoding_rs::Encoding;

use crate::text::{Span, Text};
pub use format::Format;

/// Why a document could not be read. The path is named by whoever asked.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("cannot be read: {0}")]
    Io(std::io::Error),
    #[error("grew past the limit of {limit} bytes while it was read; raise --max-document to include it")]
    TooLarge { limit: u64 },
    #[error("is encoded in {name}, which cannot be edited in place without changing other bytes; convert it to UTF-8")]
    Encoding { name: &'static str },
    #[error("is a binary file (it begins like {found}); exclude it or give it another extension")]
    Binary { found: &'static str },
}

/// The bytes of a document and what they are encoded in.
#[derive(Debug)]
pub struct Document {
    bytes: Vec<u8>,
    encoding: &'static Encoding,
}

impl Document {
    /// Reads the whole file. At most `limit` bytes are taken into memory.
    pub fn read(path: &Path, limit: u64) -> Result<Self, ReadError> {
        let file = File::open(path).map_err(ReadError::Io)?;
        let expected = file.metadata().map_or(0, |metadata| metadata.len().min(limit));
        let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0) + 1);
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(ReadError::Io)?;
        if bytes.len() as u64 > limit {
            return Err(ReadError::TooLarge { limit });
        }
        Self::from_bytes(bytes)
    }

    /// Takes bytes that are already in memory.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, ReadError> {
        let encoding = match encoding::valid_utf8(&bytes) {
            Some(text) => encoding::detect_in_text(text),
            None => encoding::detect_in_bytes(&bytes),
        };
        if encoding == encoding_rs::REPLACEMENT {
            return Err(ReadError::Encoding { name: "an encoding that browsers refuse" });
        }
        let wide = encoding == encoding_rs::UTF_16LE || encoding == encoding_rs::UTF_16BE;
        match binary(&bytes) {
            Some(found) if !wide => Err(ReadError::Binary { found }),
            _ => Ok(Document { bytes, encoding }),
        }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes of a span as text, as far as they are text.
    pub fn slice(&self, span: Span) -> Cow<'_, str> {
        let bytes = self.bytes().get(span.start..span.end).unwrap_or_default();
        self.encoding.decode_without_bom_handling(bytes).0
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub fn encoding(&self) -> &'static Encoding {
        self.encoding
    }

    /// The text, and the way from its positions back to the bytes. A byte order mark is no part of it. Bytes that the
    /// encoding does not allow are read as U+FFFD and stay what they are in the file.
    pub fn text(&self) -> Text<'_> {
        // Looked at again rather than kept as text beside the bytes: it takes a hundredth of what collecting takes.
        let valid = (self.encoding == encoding_rs::UTF_8).then(|| encoding::valid_utf8(&self.bytes)).flatten();
        match valid {
            Some(text) => encoding::without_mark(text),
            None => encoding::decode(&self.bytes, self.encoding),
        }
    }

    /// ASCII text as this document's encoding writes it.
    pub fn encode(&self, ascii: &str) -> Vec<u8> {
        encoding::encode(ascii, self.encoding)
    }
}

/// Tells files that only carry a document's extension.
fn binary(bytes: &[u8]) -> Option<&'static str> {
    const MAGIC: &[(&[u8], &str)] = &[
        (b"\x89PNG", "a PNG image"),
        (b"\xFF\xD8\xFF", "a JPEG image"),
        (b"GIF8", "a GIF image"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"%PDF-", "a PDF file"),
        (b"\x1F\x8B", "a gzip file"),
        (b"\x7FELF", "a program"),
        (b"SQLite format 3\0", "a SQLite database"),
    ];
    MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_and_archives_are_no_documents() {
        assert!(matches!(Document::from_bytes(b"\x89PNG\r\n".to_vec()), Err(ReadError::Binary { .. })));
        assert!(Document::from_bytes(b"a\0b".to_vec()).is_ok());
    }
}
