//! TIFF and BigTIFF: the chain of directories, and every strip, tile and value that they point to.

use std::io::{Read, Seek};

use super::window::{Halt, Walk, Window};
use super::{Inspected, MediaType, dimensions};

const INSIDE: &str = "a TIFF directory";

/// How the numbers of one file are written.
#[derive(Debug, Clone, Copy)]
struct Layout {
    little: bool,
    big: bool,
}

impl Layout {
    /// The width of offsets and of the value field of an entry.
    fn word(self) -> usize {
        if self.big { 8 } else { 4 }
    }

    /// A number of `width` (at most 8) bytes.
    fn number<R: Read + Seek>(self, window: &mut Window<'_, R>, at: u64, width: usize, inside: &str) -> Walk<u64> {
        let bytes = window.upto(at, width)?;
        if bytes.len() < width {
            return Err(Halt::ends_inside(inside));
        }
        let shift = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Ok(if self.little { bytes.iter().rev().fold(0, shift) } else { bytes.iter().fold(0, shift) })
    }
}

/// One entry of a directory: `count` numbers of `width` bytes from `at` on.
#[derive(Debug, Clone, Copy)]
struct Entry {
    tag: u16,
    count: u64,
    width: usize,
    at: u64,
}

/// How many values of a list are looked at together.
const BATCH: u64 = 512;

/// Where the data of a directory begin, and how long they are: two parallel lists.
const DATA: [(u16, u16); 3] = [(273, 279), (324, 325), (513, 514)];

/// TIFF 6.0 and BigTIFF. Directories that others point to (previews, Exif, GPS) are walked too: what is cut off at
/// the end of a file is often one of them.
pub(super) fn tiff<R: Read + Seek>(window: &mut Window<'_, R>) -> Walk<Inspected> {
    let [first, _, v1, v2] = window.bytes(0, INSIDE)?;
    let layout = Layout { little: first == b'I', big: v1 == 43 || v2 == 43 };
    let start = layout.number(window, if layout.big { 8 } else { 4 }, layout.word(), INSIDE)?;
    let mut size = None;
    let mut pictured = false;
    let mut next = start;
    while next != 0 {
        let (entries, end) = directory(window, layout, next)?;
        for (offsets, lengths) in DATA {
            pictured |= data(window, layout, &entries, offsets, lengths)?;
        }
        for entry in &entries {
            if matches!(entry.tag, 330 | 34665 | 34853) {
                for at in elements(window, layout, *entry, 0)? {
                    pictured |= sub_directory(window, layout, at)?;
                }
            }
        }
        if size.is_none() {
            size = page_size(window, layout, &entries)?;
        }
        next = layout.number(window, end, layout.word(), INSIDE)?;
    }
    if !pictured {
        return Err(Halt::damaged("the TIFF file holds no picture"));
    }
    Ok(Inspected { media_type: MediaType::Tiff, dimensions: size })
}

fn page_size<R: Read + Seek>(
    window: &mut Window<'_, R>,
    layout: Layout,
    entries: &[Entry],
) -> Walk<Option<(u32, u32)>> {
    let mut sides = [0, 0];
    for (side, tag) in sides.iter_mut().zip([256, 257]) {
        if let Some(entry) = entries.iter().find(|entry| entry.tag == tag) {
            let number = layout.number(window, entry.at, entry.width, INSIDE)?;
            *side = u32::try_from(number).unwrap_or(0);
        }
    }
    Ok(dimensions(sides[0], sides[1]))
}

/// Walks a directory that another one points to, and says whether it has picture data. Nothing is chained to it, and
/// writers of Exif save the four bytes that would say so.
fn sub_directory<R: Read + Seek>(window: &mut Window<'_, R>, layout: Layout, at: u64) -> Walk<bool> {
    let (entries, _) = directory(window, layout, at)?;
    let mut pictured = false;
    for (offsets, lengths) in DATA {
        pictured |= data(window, layout, &entries, offsets, lengths)?;
    }
    Ok(pictured)
}

/// The entries of one directory, all of whose values lie within the file, and the position behind them.
fn directory<R: Read + Seek>(window: &mut Window<'_, R>, layout: Layout, at: u64) -> Walk<(Vec<Entry>, u64)> {
    let (count_width, entry_width) = if layout.big { (8, 20) } else { (2, 12) };
    let count = layout.number(window, at, count_width, INSIDE)?;
    let first = window.reach(at, count_width as u64, INSIDE)?;
    let end = window.reach(first, count.saturating_mul(entry_width), INSIDE)?;
    let mut entries = Vec::new();
    let mut at = first;
    while at < end {
        let tag = layout.number(window, at, 2, INSIDE)? as u16;
        let kind = layout.number(window, at + 2, 2, INSIDE)?;
        let count = layout.number(window, at + 4, layout.word(), INSIDE)?;
        let field = at + 4 + layout.word() as u64;
        let width = match kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 | 16 | 17 | 18 => 8,
            // A type from the future: readers skip it (TIFF 6.0, section 2), and so do we.
            _ => 0,
        };
        let length = count.saturating_mul(width);
        let at_value =
            if length <= layout.word() as u64 { field } else { layout.number(window, field, layout.word(), INSIDE)? };
        window.reach(at_value, length, "a TIFF value")?;
        if width > 0 && count > 0 && wanted(tag) && !entries.iter().any(|entry: &Entry| entry.tag == tag) {
            entries.push(Entry { tag, count, width: width as usize, at: at_value });
        }
        at += entry_width;
    }
    Ok((entries, end))
}

/// Only these are kept, each once, so that a directory of millions of entries needs no memory.
fn wanted(tag: u16) -> bool {
    matches!(tag, 256 | 257 | 330 | 34665 | 34853)
        || DATA.iter().any(|&(offsets, lengths)| tag == offsets || tag == lengths)
}

/// Whether the directory has data of this kind; if so, all of it lies within the file.
fn data<R: Read + Seek>(
    window: &mut Window<'_, R>,
    layout: Layout,
    entries: &[Entry],
    offsets: u16,
    lengths: u16,
) -> Walk<bool> {
    let entry = |tag| entries.iter().find(|entry| entry.tag == tag).copied();
    let Some(offsets) = entry(offsets) else { return Ok(false) };
    let lengths = entry(lengths);
    let mut index = 0;
    while index < offsets.count {
        let starts = elements(window, layout, offsets, index)?;
        let sizes = lengths.map(|lengths| elements(window, layout, lengths, index)).transpose()?.unwrap_or_default();
        for (position, start) in starts.iter().enumerate() {
            // A writer that left the lengths out (it happens) must at least point into the file.
            let size = sizes.get(position).copied().unwrap_or(0);
            window.reach(*start, size, "the TIFF picture data")?;
        }
        index += starts.len() as u64;
    }
    Ok(true)
}

/// The next few values of an entry. Taken in batches, because two lists that are read in turn would make the window
/// jump to and fro between them.
fn elements<R: Read + Seek>(window: &mut Window<'_, R>, layout: Layout, entry: Entry, from: u64) -> Walk<Vec<u64>> {
    let to = entry.count.min(from.saturating_add(BATCH));
    let at = |index: u64| entry.at + index * entry.width as u64;
    (from..to).map(|index| layout.number(window, at(index), entry.width, "a TIFF value")).collect()
}
