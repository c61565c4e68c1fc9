//! Reads pictures: the type that their bytes say, and what an SVG could do.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;

use super::finding::Kind;
use super::page::{Language, Page};
use crate::media_type::{self, MediaType};

/// The largest drawing that is read; bytes.
const MAX_DRAWING: u64 = 64 << 20;

/// Drawings in drawings deeper than this are not read.
const MAX_DEPTH: u8 = 3;

/// A picture that is to be read.
pub struct Picture<'p> {
    /// Where it stands: the file that it is, or the page that it is in.
    pub file: &'p str,
    /// The type that the file name or the address says.
    pub said: &'p str,
    /// In how many drawings it stands.
    pub depth: u8,
}

impl Picture<'_> {
    /// Reads a picture of `length` bytes.
    pub fn read(
        &self,
        bytes: &mut (impl Read + Seek),
        length: u64,
        tell: &mut dyn FnMut(Kind, &str, &str),
    ) -> io::Result<()> {
        let inspected = match media_type::inspect(bytes, length)? {
            Ok(inspected) => inspected,
            Err(rejection) => {
                tell(Kind::WrongType, self.file, &format!("{}: {rejection}", self.said));
                return Ok(());
            }
        };
        let found = inspected.media_type.essence();
        let animated = |name: &str| if name == "image/apng" { "image/png".to_owned() } else { name.to_owned() };
        if animated(found) != animated(self.said) {
            tell(Kind::WrongType, self.file, &format!("{}, and the bytes are {found}", self.said));
        }
        if inspected.media_type != MediaType::Svg {
            return Ok(());
        }
        if length > MAX_DRAWING || self.depth >= MAX_DEPTH {
            tell(Kind::TooLarge, self.file, "a drawing");
            return Ok(());
        }
        let mut drawing = Vec::new();
        bytes.seek(SeekFrom::Start(0))?;
        bytes.take(length).read_to_end(&mut drawing)?;
        let page = Page {
            file: self.file,
            language: Language::Svg,
            depth: self.depth + 1,
            holds: &|_| false,
            leads: &|_| false,
        };
        page.read(&drawing, tell);
        Ok(())
    }

    /// Reads the picture of a `data:` address (RFC 2397), given what stands behind the scheme.
    pub fn inline(file: &str, data: &str, depth: u8, tell: &mut dyn FnMut(Kind, &str, &str)) {
        let Some((kind, payload)) = data.split_once(',') else {
            return tell(Kind::WrongType, file, "data: without data");
        };
        let (said, coded) = match kind.strip_suffix(";base64") {
            Some(said) => (said, true),
            None => (kind, false),
        };
        // Parameters say nothing of a picture that its bytes do not.
        let said = said.split(';').next().unwrap_or_default().trim();
        let decoded = match coded {
            true => STANDARD.decode(payload).ok(),
            false => Some(percent_decode_str(payload).collect()),
        };
        let Some(decoded) = decoded else { return tell(Kind::WrongType, file, "data: that cannot be decoded") };
        let length = decoded.len() as u64;
        let picture = Picture { file, said, depth };
        if let Err(error) = picture.read(&mut Cursor::new(decoded), length, tell) {
            tell(Kind::WrongType, file, &error.to_string());
        }
    }
}

/// The type that the name of a file says, when it is that of a picture.
pub fn said_by(name: &str) -> Option<&'static str> {
    let (_, extension) = name.rsplit_once('.')?;
    MediaType::from_extension(extension).map(MediaType::essence)
}
