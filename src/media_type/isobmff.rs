//! The formats made of ISO-BMFF boxes: HEIF with AVIF and HEIC in it, and JPEG XL with and without a container.

use std::io::{Read, Seek};

use super::window::{Halt, Walk, Window};
use super::{Inspected, MediaType, dimensions};

/// One box: its type and the stretch of its content.
#[derive(Debug, Clone, Copy)]
struct Box4 {
    kind: [u8; 4],
    body: u64,
    end: u64,
}

/// The box at `at` (ISO/IEC 14496-12, 4.2), which must end by `limit`.
fn read_box<R: Read + Seek>(window: &mut Window<'_, R>, at: u64, limit: u64) -> Walk<Box4> {
    let inside = "a box of the file";
    let [s3, s2, s1, s0, kind @ ..]: [u8; 8] = window.bytes(at, inside)?;
    let (size, header) = match u32::from_be_bytes([s3, s2, s1, s0]) {
        // The last box may leave its length open.
        0 => (limit.saturating_sub(at), 8),
        1 => (u64::from_be_bytes(window.bytes(at + 8, inside)?), 16),
        size => (size.into(), 8),
    };
    if size < header {
        return Err(Halt::damaged("a box of the file is shorter than its own header"));
    }
    let end = at.checked_add(size).filter(|&end| end <= limit).ok_or_else(|| Halt::ends_inside(inside))?;
    Ok(Box4 { kind, body: at + header, end })
}

/// What the top level of a HEIF file holds.
#[derive(Debug, Default)]
struct Holds {
    meta: Option<Box4>,
    movie: bool,
    data: bool,
}

impl Holds {
    fn complete(&self) -> bool {
        (self.meta.is_some() || self.movie) && self.data
    }
}

/// HEIF (ISO/IEC 23008-12): the brand tells AVIF, HEIC and video apart; boxes and item locations tell the whole from
/// the cut. An image sequence is as good as a still.
pub(super) fn heif<R: Read + Seek>(window: &mut Window<'_, R>) -> Walk<Inspected> {
    let brands = read_box(window, 0, window.len())?;
    let media_type = brand(window, brands)?;
    let mut holds = Holds::default();
    let mut at = brands.end;
    while at < window.len() {
        let next = match read_box(window, at, window.len()) {
            Ok(next) if holds.complete() && !is_name(next.kind) => break,
            Ok(next) => next,
            Err(Halt::Rejected(_)) if holds.complete() && !begins_box(window, at)? => break,
            Err(halt) => return Err(halt),
        };
        match &next.kind {
            b"meta" if holds.meta.is_none() => holds.meta = Some(next),
            b"moov" => holds.movie = true,
            b"mdat" => holds.data = true,
            _ => {}
        }
        at = next.end;
    }
    let size = match holds.meta {
        Some(meta) => inspect_meta(window, meta, &mut holds)?,
        None => None,
    };
    if !holds.complete() {
        return Err(Halt::ends_inside("the file, before the picture data"));
    }
    Ok(Inspected { media_type, dimensions: size })
}

/// Cameras append notes of their own behind a whole picture. They are no boxes, and no sign of a cut.
fn begins_box<R: Read + Seek>(window: &mut Window<'_, R>, at: u64) -> Walk<bool> {
    Ok(matches!(window.upto(at, 8)?, [_, _, _, _, kind @ ..] if <[u8; 4]>::try_from(kind).is_ok_and(is_name)))
}

fn is_name(kind: [u8; 4]) -> bool {
    kind.iter().all(|byte| (b' '..=b'~').contains(byte))
}

/// The image type of the major brand or, failing that, of the compatible ones.
fn brand<R: Read + Seek>(window: &mut Window<'_, R>, brands: Box4) -> Walk<MediaType> {
    let inside = "the list of brands";
    let major: [u8; 4] = window.bytes(brands.body, inside)?;
    let mut found = media_type_of(major);
    let mut generic = is_generic(major);
    let mut at = brands.body + 8;
    while found.is_none() && at + 4 <= brands.end {
        let compatible = window.bytes(at, inside)?;
        found = media_type_of(compatible);
        generic |= is_generic(compatible);
        at += 4;
    }
    match found {
        Some(media_type) => Ok(media_type),
        // HEIF that names no coding; a viewer of HEIC opens it or nothing does.
        None if generic => Ok(MediaType::Heic),
        None if &major == b"qt  " => Err(Halt::not_an_image("QuickTime video")),
        None if major.starts_with(b"M4A") => Err(Halt::not_an_image("MP4 audio")),
        None => Err(Halt::not_an_image("MP4 video")),
    }
}

fn media_type_of(brand: [u8; 4]) -> Option<MediaType> {
    match &brand {
        b"avif" | b"avis" | b"avio" | b"MA1A" | b"MA1B" => Some(MediaType::Avif),
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"hevm" | b"hevs" => Some(MediaType::Heic),
        _ => None,
    }
}

fn is_generic(brand: [u8; 4]) -> bool {
    matches!(&brand, b"mif1" | b"mif2" | b"msf1" | b"miaf")
}

/// The size of the picture, and a look at whether the items lie within the file.
fn inspect_meta<R: Read + Seek>(window: &mut Window<'_, R>, meta: Box4, holds: &mut Holds) -> Walk<Option<(u32, u32)>> {
    let mut size = None;
    // `meta` is a full box: four bytes of version and flags come first.
    let mut at = meta.body + 4;
    while at < meta.end {
        let child = read_box(window, at, meta.end)?;
        match &child.kind {
            b"iprp" => size = properties(window, child)?,
            b"iloc" => locations(window, child)?,
            b"idat" => holds.data = true,
            _ => {}
        }
        at = child.end;
    }
    Ok(size)
}

/// The largest of the listed sizes (the others are those of tiles and thumbnails), turned where a rotation is listed.
fn properties<R: Read + Seek>(window: &mut Window<'_, R>, iprp: Box4) -> Walk<Option<(u32, u32)>> {
    let inside = "an image property";
    let mut largest = (0, 0);
    let mut turned = false;
    let mut at = iprp.body;
    let mut end = iprp.end;
    while at < end {
        let property = read_box(window, at, end)?;
        at = property.end;
        match &property.kind {
            // Descend: what stands behind this list says which item has which property.
            b"ipco" => (at, end) = (property.body, property.end),
            b"ispe" => {
                let [w3, w2, w1, w0, h3, h2, h1, h0] = window.bytes(property.body + 4, inside)?;
                let size = (u32::from_be_bytes([w3, w2, w1, w0]), u32::from_be_bytes([h3, h2, h1, h0]));
                let area = |(width, height): (u32, u32)| u64::from(width) * u64::from(height);
                if area(size) > area(largest) {
                    largest = size;
                }
            }
            b"irot" => turned = window.bytes::<1>(property.body, inside)?[0] & 1 == 1,
            _ => {}
        }
    }
    let (width, height) = if turned { (largest.1, largest.0) } else { largest };
    Ok(dimensions(width, height))
}

/// Reads numbers of varying width from a box.
struct Fields<'w, 'b, R> {
    window: &'w mut Window<'b, R>,
    at: u64,
    end: u64,
}

impl<R: Read + Seek> Fields<'_, '_, R> {
    fn take(&mut self, width: u8) -> Walk<u64> {
        let width = usize::from(width);
        if !matches!(width, 0 | 1 | 2 | 4 | 8) || self.at + width as u64 > self.end {
            return Err(Halt::damaged("the table of item locations is damaged"));
        }
        let bytes = self.window.upto(self.at, width)?;
        self.at += width as u64;
        Ok(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}

/// Every stretch of the file that an item is made of lies within the file (ISO/IEC 14496-12, 8.11.3).
fn locations<R: Read + Seek>(window: &mut Window<'_, R>, iloc: Box4) -> Walk<()> {
    let len = window.len();
    let mut fields = Fields { window, at: iloc.body, end: iloc.end };
    let version = fields.take(1)?;
    if version > 2 {
        return Ok(());
    }
    // Flags: 24 bits, none defined.
    fields.at += 3;
    let (sizes, more) = (fields.take(1)? as u8, fields.take(1)? as u8);
    let (offset_size, length_size, base_size) = (sizes >> 4, sizes & 15, more >> 4);
    let index_size = if version == 0 { 0 } else { more & 15 };
    let wide = if version < 2 { 2 } else { 4 };
    for _ in 0..fields.take(wide)? {
        fields.take(wide)?;
        let method = if version == 0 { 0 } else { fields.take(2)? & 15 };
        let elsewhere = fields.take(2)?;
        let base = fields.take(base_size)?;
        let extents = fields.take(2)?;
        if index_size + offset_size + length_size == 0 {
            continue;
        }
        for _ in 0..extents {
            fields.take(index_size)?;
            let (offset, length) = (fields.take(offset_size)?, fields.take(length_size)?);
            let end = base.saturating_add(offset).saturating_add(length);
            // Other methods count from within the file's own boxes, whose ends are known.
            if method == 0 && elsewhere == 0 && end > len {
                return Err(Halt::ends_inside("the picture data"));
            }
        }
    }
    Ok(())
}

/// JPEG XL in boxes (ISO/IEC 18181-2): the codestream is there, whole or to its last part.
pub(super) fn jxl<R: Read + Seek>(window: &mut Window<'_, R>) -> Walk<Inspected> {
    let mut start = None;
    let mut complete = false;
    let mut at = 0;
    while at < window.len() {
        let next = match read_box(window, at, window.len()) {
            Ok(next) if complete && !is_name(next.kind) => break,
            Ok(next) => next,
            Err(Halt::Rejected(_)) if complete && !begins_box(window, at)? => break,
            Err(halt) => return Err(halt),
        };
        match &next.kind {
            b"jxlc" => {
                start.get_or_insert((next.body, next.end));
                complete = true;
            }
            b"jxlp" => {
                let number = u32::from_be_bytes(window.bytes(next.body, "a part of the JPEG XL picture")?);
                start.get_or_insert((next.body + 4, next.end));
                // The highest bit marks the last part.
                complete |= number >> 31 == 1;
            }
            _ => {}
        }
        at = next.end;
    }
    match start {
        Some((from, to)) if complete => {
            let dimensions = jxl_header(window, from, to)?;
            Ok(Inspected { media_type: MediaType::Jxl, dimensions })
        }
        _ => Err(Halt::ends_inside("the file, before the picture data")),
    }
}

/// A bare JPEG XL codestream: only its header can be checked, for it states no length.
pub(super) fn jxl_codestream<R: Read + Seek>(window: &mut Window<'_, R>) -> Walk<Inspected> {
    let dimensions = jxl_header(window, 0, window.len())?;
    if dimensions.is_none() {
        return Err(Halt::ends_inside("the JPEG XL header"));
    }
    Ok(Inspected { media_type: MediaType::Jxl, dimensions })
}

/// The size from the head of a codestream (ISO/IEC 18181-1, annex D), as far as it is there.
fn jxl_header<R: Read + Seek>(window: &mut Window<'_, R>, from: u64, to: u64) -> Walk<Option<(u32, u32)>> {
    let count = usize::try_from(to.saturating_sub(from)).unwrap_or(16).min(16);
    let mut head = [0; 16];
    let bytes = window.upto(from, count)?;
    head[..bytes.len()].copy_from_slice(bytes);
    if !head.starts_with(&[0xFF, 0x0A]) {
        return Err(Halt::damaged("the JPEG XL picture has no header"));
    }
    let mut bits = Bits { bits: u128::from_le_bytes(head) >> 16, left: bytes.len() * 8 - 16 };
    Ok(jxl_size(&mut bits).and_then(|(width, height)| dimensions(width, height)))
}

/// Bits, lowest first.
struct Bits {
    bits: u128,
    left: usize,
}

impl Bits {
    /// The next `count` (at most 30) bits, unless they are cut off.
    fn take(&mut self, count: usize) -> Option<u32> {
        self.left = self.left.checked_sub(count)?;
        let taken = self.bits & ((1 << count) - 1);
        self.bits >>= count;
        u32::try_from(taken).ok()
    }

    fn side(&mut self, small: bool) -> Option<u32> {
        if small {
            return Some((self.take(5)? + 1) * 8);
        }
        let width = [9, 13, 18, 30][self.take(2)? as usize];
        Some(self.take(width)? + 1)
    }
}

fn jxl_size(bits: &mut Bits) -> Option<(u32, u32)> {
    let small = bits.take(1)? == 1;
    let height = bits.side(small)?;
    // Common shapes are not written as a second number.
    let shaped = |times: u64, over: u64| u32::try_from(u64::from(height) * times / over).ok();
    let width = match bits.take(3)? {
        1 => height,
        2 => shaped(12, 10)?,
        3 => shaped(4, 3)?,
        4 => shaped(3, 2)?,
        5 => shaped(16, 9)?,
        6 => shaped(5, 4)?,
        7 => shaped(2, 1)?,
        _ => bits.side(small)?,
    };
    // Metadata follow: not all default, with extra fields, of which the orientation is the first.
    let turned = bits.take(1) == Some(0) && bits.take(1) == Some(1) && bits.take(3).is_some_and(|way| way >= 4);
    Some(if turned { (height, width) } else { (width, height) })
}
