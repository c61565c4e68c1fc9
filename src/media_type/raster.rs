//! The formats that are one forward walk: JPEG, PNG, GIF and WebP; and the two with a fixed header: BMP and ICO.

use std::io::{Read, Seek};

use super::window::{Halt, Walk, Window};
use super::{Inspected, MediaType, dimensions};

/// JPEG (ITU-T T.81, annex B): markers up to EOI.
///
/// Like the common decoders, skips bytes that belong to no segment, and ignores what follows EOI (previews, padding,
/// the further pictures of MPO files). No EOI means that the transfer broke off.
pub(super) fn jpeg<R: Read + Seek>(window: &mut Window<'_, R>) -> Walk<Inspected> {
    let mut at = 2;
    let mut size = None;
    let mut scanned = false;
    loop {
        let (marker, body) = next_marker(window, at)?;
        if marker == 0xD9 {
            break;
        }
        let inside = "a JPEG segment";
        let length = u16::from_be_bytes(window.bytes(body, inside)?);
        if length < 2 {
            return Err(Halt::damaged("a JPEG segment has no length"));
        }
        at = window.reach(body, length.into(), inside)?;
        match marker {
            // The start of frame in all its kinds; DHT (C4), JPG (C8) and DAC (CC) share the range.
            0xC0..=0xCF if !matches!(marker, 0xC4 | 0xC8 | 0xCC) => {
                let [_, h1, h0, w1, w0] = window.bytes(body + 2, inside)?;
                size.get_or_insert((u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0])));
            }
            0xDA => scanned = true,
            _ => {}
        }
    }
    match size {
        Some((width, height)) if scanned => {
            Ok(Inspected { media_type: MediaType::Jpeg, dimensions: dimensions(width.into(), height.into()) })
        }
        _ => Err(Halt::damaged("the JPEG file holds no picture")),
    }
}

/// The next marker that ends the image or starts a segment, and the position behind it.
///
/// Steps over stuffed zeros, fill bytes, restart markers and reserved codes, all of which occur inside of a scan.
fn next_marker<R: Read + Seek>(window: &mut Window<'_, R>, mut at: u64) -> Walk<(u8, u64)> {
    let inside = "the JPEG picture data";
    loop {
        at = window.find(0xFF, at)?.ok_or_else(|| Halt::ends_inside(inside))? + 1;
        let [code] = window.bytes(at, inside)?;
        match code {
            0xFF => {}
            0xD9..=0xFE | 0xC0..=0xCF => return Ok((code, at + 1)),
            _ => at += 1,
        }
    }
}

/// PNG (W3C PNG, third edition): chunks up to IEND. An `acTL` chunk makes it an APNG.
pub(super) fn png<R: Read + Seek>(window: &mut Window<'_, R>) -> Walk<Inspected> {
    let inside = "a PNG chunk";
    let mut at = 8;
    let mut size = None;
    let (mut animated, mut pictured) = (false, false);
    loop {
        let [l3, l2, l1, l0, kind @ ..]: [u8; 8] = window.bytes(at, inside)?;
        let length = u32::from_be_bytes([l3, l2, l1, l0]);
        if !kind.iter().all(u8::is_ascii_alphabetic) || length > i32::MAX as u32 {
            return Err(Halt::damaged("a PNG chunk has no name or an impossible length"));
        }
        // Length, name and checksum take twelve bytes besides the content.
        let end = window.reach(at, u64::from(length) + 12, inside)?;
        match &kind {
            b"IHDR" if size.is_none() && length == 13 => {
                let [w3, w2, w1, w0, h3, h2, h1, h0] = window.bytes(at + 8, inside)?;
                size = Some((u32::from_be_bytes([w3, w2, w1, w0]), u32::from_be_bytes([h3, h2, h1, h0])));
            }
            b"acTL" if !pictured => animated = true,
            b"IDAT" => pictured = true,
            b"IEND" => break,
            _ => {}
        }
        at = end;
    }
    match size {
        Some((width, height)) if pictured => {
            let media_type = if animated { MediaType::Apng } else { MediaType::Png };
            Ok(Inspected { media_type, dimensions: dimensions(width, height) })
        }
        _ => Err(Halt::damaged("the PNG file holds no picture")),
    }
}

/// GIF (GIF89a): blocks up to the trailer. Zero bytes between blocks are skipped, as browsers do.
pub(super) fn gif<R: Read + Seek>(window: &mut Window<'_, R>) -> Walk<Inspected> {
    let inside = "the GIF header";
    let [w0, w1, h0, h1, flags] = window.bytes(6, inside)?;
    let mut at = window.reach(13, color_table(flags), inside)?;
    let mut pictured = false;
    loop {
        let inside = "the GIF blocks";
        let [introducer] = window.bytes(at, inside)?;
        match introducer {
            0x00 => at += 1,
            0x21 => at = sub_blocks(window, at + 2)?,
            0x2C => {
                let [flags] = window.bytes(at + 9, inside)?;
                at = sub_blocks(window, at + 10 + color_table(flags) + 1)?;
                pictured = true;
            }
            0x3B if pictured => break,
            _ => return Err(Halt::damaged("a GIF block is of no known kind")),
        }
    }
    let (width, height) = (u16::from_le_bytes([w0, w1]), u16::from_le_bytes([h0, h1]));
    Ok(Inspected { media_type: MediaType::Gif, dimensions: dimensions(width.into(), height.into()) })
}

/// The length of the colour table that a GIF's packed fields announce.
fn color_table(flags: u8) -> u64 {
    if flags & 0x80 != 0 { 3 << ((flags & 7) + 1) } else { 0 }
}

fn sub_blocks<R: Read + Seek>(window: &mut Window<'_, R>, mut at: u64) -> Walk<u64> {
    loop {
        let [length] = window.bytes(at, "a GIF block")?;
        at += 1 + u64::from(length);
        if length == 0 {
            return Ok(at);
        }
    }
}

/// WebP (RFC 9649): the RIFF size, and the chunks within it.
pub(super) fn webp<R: Read + Seek>(window: &mut Window<'_, R>) -> Walk<Inspected> {
    let inside = "a WebP chunk";
    let size = u32::from_le_bytes(window.bytes(4, inside)?);
    let end = window.reach(8, size.into(), "the WebP file, by its own length")?;
    let mut at = 12;
    let mut found = None;
    let mut pictured = false;
    while at + 8 <= end {
        let [k0, k1, k2, k3, length @ ..]: [u8; 8] = window.bytes(at, inside)?;
        let (body, length) = (at + 8, u64::from(u32::from_le_bytes(length)));
        if body + length > end {
            return Err(Halt::ends_inside(inside));
        }
        let kind = [k0, k1, k2, k3];
        if found.is_none() {
            found = webp_dimensions(window, &kind, body)?;
        }
        pictured |= matches!(&kind, b"VP8 " | b"VP8L" | b"ANMF");
        at = body + length + length % 2;
    }
    if !pictured {
        return Err(Halt::damaged("the WebP file holds no picture"));
    }
    Ok(Inspected {
        media_type: MediaType::WebP,
        dimensions: found.and_then(|(width, height)| dimensions(width, height)),
    })
}

fn webp_dimensions<R: Read + Seek>(window: &mut Window<'_, R>, kind: &[u8; 4], body: u64) -> Walk<Option<(u32, u32)>> {
    let inside = "a WebP header";
    Ok(match kind {
        b"VP8 " => {
            let [w0, w1, h0, h1] = window.bytes(body + 6, inside)?;
            let (width, height) = (u16::from_le_bytes([w0, w1]), u16::from_le_bytes([h0, h1]));
            // The two upper bits are a hint for scaling.
            Some((u32::from(width & 0x3FFF), u32::from(height & 0x3FFF)))
        }
        b"VP8L" => {
            let bits = u32::from_le_bytes(window.bytes(body + 1, inside)?);
            Some(((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1))
        }
        b"VP8X" => {
            let [w0, w1, w2, h0, h1, h2] = window.bytes(body + 4, inside)?;
            Some((u32::from_le_bytes([w0, w1, w2, 0]) + 1, u32::from_le_bytes([h0, h1, h2, 0]) + 1))
        }
        _ => None,
    })
}

/// Two letters are a weak signature: plain text may begin with `BM`. The length of the second header decides.
pub(super) fn is_bmp(head: &[u8]) -> bool {
    matches!(head.get(14..18), Some([12 | 16 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0]))
}

/// BMP: an uncompressed picture has a length that follows from its size; for the others the file states it.
pub(super) fn bmp<R: Read + Seek>(window: &mut Window<'_, R>) -> Walk<Inspected> {
    let inside = "the BMP header";
    let stated = u32::from_le_bytes(window.bytes(2, inside)?);
    let pixels = u32::from_le_bytes(window.bytes(10, inside)?);
    let header = u32::from_le_bytes(window.bytes(14, inside)?);
    let (width, height, depth, compression) = if header == 12 {
        let [w0, w1, h0, h1, _, _, d0, d1] = window.bytes(18, inside)?;
        let (width, height) = (u16::from_le_bytes([w0, w1]), u16::from_le_bytes([h0, h1]));
        (width.into(), height.into(), u16::from_le_bytes([d0, d1]), 0)
    } else {
        let width = i32::from_le_bytes(window.bytes(18, inside)?).unsigned_abs();
        // A negative height means that the rows run from top to bottom.
        let height = i32::from_le_bytes(window.bytes(22, inside)?).unsigned_abs();
        let depth = u16::from_le_bytes(window.bytes(28, inside)?);
        let compression = if header >= 40 { u32::from_le_bytes(window.bytes(30, inside)?) } else { 0 };
        (width, height, depth, compression)
    };
    if width == 0 || height == 0 {
        return Err(Halt::damaged("the BMP file holds no picture"));
    }
    // BI_RGB, BI_BITFIELDS and BI_ALPHABITFIELDS: rows of whole 32-bit words.
    let needed = if matches!(compression, 0 | 3 | 6) {
        let row = (u64::from(width) * u64::from(depth)).div_ceil(32) * 4;
        row.saturating_mul(height.into()).saturating_add(pixels.into())
    } else {
        stated.max(pixels).into()
    };
    window.reach(0, needed, "the BMP pixels")?;
    Ok(Inspected { media_type: MediaType::Bmp, dimensions: dimensions(width, height) })
}

/// Four bytes that many binary formats share; the first entry of the directory decides.
pub(super) fn is_ico(head: &[u8]) -> bool {
    let number = |at: usize| head.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
    number(14).is_some_and(|size| size > 0) && number(18).is_some_and(|offset| offset >= 22)
}

/// ICO and CUR: every picture that the directory lists lies within the file.
pub(super) fn ico<R: Read + Seek>(window: &mut Window<'_, R>) -> Walk<Inspected> {
    let inside = "the icon directory";
    let count = u16::from_le_bytes(window.bytes(4, inside)?);
    let mut largest = (0, 0);
    for entry in 0..u64::from(count) {
        let [width, height, _, _, _, _, _, _, s0, s1, s2, s3, o0, o1, o2, o3] = window.bytes(6 + 16 * entry, inside)?;
        let (size, offset) = (u32::from_le_bytes([s0, s1, s2, s3]), u32::from_le_bytes([o0, o1, o2, o3]));
        window.reach(offset.into(), size.into(), "a picture of the icon")?;
        // One byte cannot say 256: zero does.
        let side = |byte: u8| if byte == 0 { 256 } else { u32::from(byte) };
        largest = largest.max((side(width), side(height)));
    }
    Ok(Inspected { media_type: MediaType::Ico, dimensions: dimensions(largest.0, largest.1) })
}
