//! Decides from the bytes alone what a body is: which image type, of what size, and whether it is whole.
//!
//! Names and headers are not asked; servers say `image/jpeg` about error pages. The structure is walked (markers,
//! chunks, blocks, boxes, directories), pixels are never decoded: a body that ends before its format says so is
//! reported as truncated, a body that decodes to noise is not this module's business. Reading is buffered and paid from
//! a budget that grows with the length of the body, so that no hostile file can make it loop, and no large one fills
//! the memory.
//!
//! What a walk cannot see: a bare JPEG XL codestream states no length, and neither does a last ISO-BMFF box of size 0.

mod isobmff;
mod other;
mod raster;
mod svg;
mod tiff;
mod window;

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};

use window::{Halt, Walk, Window};

/// The image types that are kept. Everything else is [`Rejection::NotAnImage`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MediaType {
    Jpeg,
    Png,
    Apng,
    Gif,
    WebP,
    Avif,
    Heic,
    Jxl,
    Svg,
    Ico,
    Bmp,
    Tiff,
}

impl MediaType {
    pub const ALL: [MediaType; 12] = [
        MediaType::Jpeg,
        MediaType::Png,
        MediaType::Apng,
        MediaType::Gif,
        MediaType::WebP,
        MediaType::Avif,
        MediaType::Heic,
        MediaType::Jxl,
        MediaType::Svg,
        MediaType::Ico,
        MediaType::Bmp,
        MediaType::Tiff,
    ];

    /// The media type without parameters, as the IANA registry and MIME Sniffing spell it: `image/jpeg`.
    pub fn essence(self) -> &'static str {
        match self {
            MediaType::Jpeg => "image/jpeg",
            MediaType::Png => "image/png",
            MediaType::Apng => "image/apng",
            MediaType::Gif => "image/gif",
            MediaType::WebP => "image/webp",
            MediaType::Avif => "image/avif",
            MediaType::Heic => "image/heic",
            MediaType::Jxl => "image/jxl",
            MediaType::Svg => "image/svg+xml",
            MediaType::Ico => "image/x-icon",
            MediaType::Bmp => "image/bmp",
            MediaType::Tiff => "image/tiff",
        }
    }

    /// The type that [`essence`](Self::essence) spells exactly like this, if there is one.
    pub fn from_essence(essence: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|media_type| media_type.essence() == essence)
    }

    /// The type whose blobs have this extension; of two the commoner one.
    pub fn from_extension(extension: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.extension() == extension)
    }

    /// The file extension without a dot, from a closed list. Documents embed it, so it never changes.
    pub fn extension(self) -> &'static str {
        match self {
            MediaType::Jpeg => "jpg",
            MediaType::Png | MediaType::Apng => "png",
            MediaType::Gif => "gif",
            MediaType::WebP => "webp",
            MediaType::Avif => "avif",
            MediaType::Heic => "heic",
            MediaType::Jxl => "jxl",
            MediaType::Svg => "svg",
            MediaType::Ico => "ico",
            MediaType::Bmp => "bmp",
            MediaType::Tiff => "tif",
        }
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.essence())
    }
}

/// What a whole image turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inspected {
    pub media_type: MediaType,
    /// Width and height in pixels as displayed (the largest picture of an icon, the first page of a TIFF, the user
    /// units of an SVG), where the file states them. Never zero.
    pub dimensions: Option<(u32, u32)>,
}

/// Why a body is not kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("the body is empty")]
    Empty,
    /// `found` is one of our own phrases ("HTML page", "ZIP archive", "text"); it quotes nothing from the body
    /// but up to four bytes in hexadecimal.
    #[error("not an image: {found}")]
    NotAnImage { found: String },
    /// The body starts as an image and breaks off, or contradicts itself in a way that only damage explains.
    #[error("incomplete: {detail}")]
    Truncated { detail: String },
}

/// Inspects a body of `len` bytes, of which `body` may be read from any position.
///
/// # Errors
/// The outer error is that of reading `body`; the inner one is the verdict on what was read.
pub fn inspect<R: Read + Seek>(body: &mut R, len: u64) -> io::Result<Result<Inspected, Rejection>> {
    // Walks step over contents by their announced lengths, so the length itself must be true.
    let there = body.seek(SeekFrom::End(0))?;
    if there < len {
        return Ok(Err(Rejection::Truncated { detail: format!("{there} of {len} bytes are there") }));
    }
    match walk(&mut Window::new(body, len)) {
        Ok(inspected) => Ok(Ok(inspected)),
        Err(Halt::Rejected(rejection)) => Ok(Err(rejection)),
        Err(Halt::Io(error)) => Err(error),
    }
}

/// Long enough for every signature and for a look at what text there is instead.
const HEAD: usize = 1024;

fn walk<R: Read + Seek>(window: &mut Window<'_, R>) -> Walk<Inspected> {
    if window.len() == 0 {
        return Err(Halt::Rejected(Rejection::Empty));
    }
    let head = window.upto(0, HEAD)?.to_vec();
    match &head[..] {
        [0xFF, 0xD8, 0xFF, ..] => raster::jpeg(window),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => raster::png(window),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => raster::gif(window),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => raster::webp(window),
        [0xFF, 0x0A, ..] => isobmff::jxl_codestream(window),
        [0, 0, 0, 12, b'J', b'X', b'L', b' ', b'\r', b'\n', 0x87, b'\n', ..] => isobmff::jxl(window),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => isobmff::heif(window),
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => tiff::tiff(window),
        [b'B', b'M', ..] if raster::is_bmp(&head) => raster::bmp(window),
        [0, 0, 1 | 2, 0, ..] if raster::is_ico(&head) => raster::ico(window),
        _ => match svg::svg(window)? {
            svg::Markup::Svg { dimensions } => Ok(Inspected { media_type: MediaType::Svg, dimensions }),
            svg::Markup::Html => Err(Halt::not_an_image("HTML page")),
            svg::Markup::Xml => Err(Halt::not_an_image("XML document")),
            svg::Markup::None => Err(Halt::not_an_image(&other::describe(&head))),
        },
    }
}

/// Formats write zero where a size is not known; so do broken encoders.
fn dimensions(width: u32, height: u32) -> Option<(u32, u32)> {
    (width > 0 && height > 0).then_some((width, height))
}
