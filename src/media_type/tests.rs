use std::io::{self, Cursor, Read, Seek, SeekFrom};

use proptest::prelude::*;

use super::samples::{self, Turn};
use super::{Inspected, MediaType, Rejection, inspect};

fn look(bytes: &[u8]) -> Result<Inspected, Rejection> {
    inspect(&mut Cursor::new(bytes), bytes.len() as u64).unwrap()
}

fn truncated(bytes: &[u8]) -> bool {
    matches!(look(bytes), Err(Rejection::Truncated { .. }))
}

fn found(bytes: &[u8]) -> String {
    match look(bytes) {
        Err(Rejection::NotAnImage { found }) => found,
        other => panic!("{other:?} for {:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(60)])),
    }
}

#[test]
fn every_sample_is_recognised_with_its_size() {
    for sample in samples::all() {
        let expected = Inspected { media_type: sample.media_type, dimensions: Some(sample.dimensions) };
        assert_eq!(look(&sample.bytes), Ok(expected), "{}", sample.name);
    }
}

#[test]
fn every_cut_is_noticed() {
    for sample in samples::all() {
        let len = sample.bytes.len();
        // The last byte of our SVG is a line end, which nobody misses.
        let less = usize::from(sample.media_type == MediaType::Svg);
        for cut in [len - 1 - less, len - 2 - less, len - 12, len * 9 / 10, len / 2] {
            assert!(truncated(&sample.bytes[..cut]), "{} cut to {cut} of {len} bytes", sample.name);
        }
    }
}

#[test]
fn no_prefix_of_a_sample_passes_for_the_whole() {
    for sample in samples::all().into_iter().filter(|sample| sample.media_type != MediaType::Svg) {
        for cut in 0..sample.bytes.len() {
            assert!(look(&sample.bytes[..cut]).is_err(), "{} cut to {cut} bytes", sample.name);
        }
    }
}

#[test]
fn a_body_that_is_shorter_than_announced_is_truncated() {
    for sample in samples::all() {
        let announced = sample.bytes.len() as u64;
        let half = &sample.bytes[..sample.bytes.len() / 2];
        let verdict = inspect(&mut Cursor::new(half), announced).unwrap();
        assert!(matches!(verdict, Err(Rejection::Truncated { .. })), "{}: {verdict:?}", sample.name);
    }
}

#[test]
fn what_follows_the_end_is_nobodys_business() {
    for sample in samples::all() {
        let junk: &[u8] = match sample.media_type {
            MediaType::Svg => b"\n<!-- served in 3 ms --><?x?>\0\0",
            _ => b"\0\0\0 \xFF\xD8\xFF<!-- cached copy -->",
        };
        assert!(look(&[&sample.bytes, junk].concat()).is_ok(), "{}", sample.name);
    }
}

#[test]
fn nothing_is_called_empty() {
    assert_eq!(look(b""), Err(Rejection::Empty));
}

#[test]
fn what_came_instead_of_an_image_is_named() {
    let mut tar = vec![b'x'; 600];
    tar[257..262].copy_from_slice(b"ustar");
    let soft_404 =
        b"\n<!DOCTYPE html>\n<html><head><title>404</title></head><body><svg width='7' height='5'></svg></body></html>";
    let cases: &[(&[u8], &str)] = &[
        (soft_404, "HTML page"),
        (b"\xEF\xBB\xBF  <HTML><body>gone</body></HTML>", "HTML page"),
        (b"<!-- x --><script>location='/'</script>", "HTML page"),
        (b"<?xml version='1.0'?><!DOCTYPE html PUBLIC '-//W3C//DTD XHTML 1.0'><html/>", "HTML page"),
        (b"<br />\n<b>Warning</b>: out of memory", "HTML page"),
        (b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>", "XML document"),
        (b"<!-- never closed", "XML document"),
        (b" {\"error\": \"not found\"}", "JSON"),
        (b"[1, 2]", "JSON"),
        (b"{}", "JSON"),
        (b"Not found.\n", "text"),
        (b"BMW is a maker of cars, and GIF is not.", "text"),
        ("找不到图片".as_bytes(), "text"),
        (b"\xD5\xD2\xB2\xBB\xB5\xBD", "text"),
        (b" \r\n ", "white space"),
        (&[0; 4096], "zero bytes"),
        (b"\x01\x02\x03", "unknown data that starts with 010203"),
        (b"PK\x03\x04\x14\0\0\0", "ZIP archive"),
        (b"%PDF-1.7\n", "PDF document"),
        (b"\x1F\x8B\x08\0\0", "gzip-compressed data"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", "MP4 video"),
        (b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2", "MP4 video"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "QuickTime video"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "WAV audio"),
        (b"\x1A\x45\xDF\xA3\x01", "Matroska or WebM video"),
        (b"\0\x01\0\0\0\x0C", "font"),
        (&tar, "tar archive"),
    ];
    for (bytes, expected) in cases {
        assert_eq!(found(bytes), *expected);
    }
}

#[test]
fn svg_states_its_size_in_many_ways() {
    let cases = [
        ("width='30' height='20'", Some((30, 20))),
        ("width='30px' height=\"20.4\" viewBox='0 0 1 1'", Some((30, 20))),
        ("viewBox='0,0 , 300 200'", Some((300, 200))),
        ("width='150' viewBox='0 0 300 200'", Some((150, 100))),
        ("height='50' viewBox='0 0 300 200'", Some((75, 50))),
        ("width='100%' height='100%' viewBox='0 0 24 24'", Some((24, 24))),
        ("width='1in' height='72pt'", Some((96, 96))),
        ("width='1e2' height='10mm'", Some((100, 38))),
        ("width='0.2' height='0.2'", Some((1, 1))),
        ("width='-3' height='5'", None),
        ("width='1e99' height='5'", None),
        ("viewBox='0 0 0 0'", None),
        ("viewBox='nonsense'", None),
        ("data-a='>' stroke-width='9' width = '30' height='20'", Some((30, 20))),
        ("", None),
    ];
    for (attributes, dimensions) in cases {
        for svg in [format!("<svg {attributes}></svg >"), format!("<s:svg {attributes}/>")] {
            let expected = Inspected { media_type: MediaType::Svg, dimensions };
            assert_eq!(look(svg.as_bytes()), Ok(expected), "{svg}");
        }
    }
}

#[test]
fn svg_is_read_in_the_encoding_of_its_byte_order_mark() {
    let text = "\u{FEFF}<?xml version='1.0' encoding='utf-16'?><svg width='7' height='5'><title>茶</title></svg>";
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for bytes in [little, big] {
        let expected = Inspected { media_type: MediaType::Svg, dimensions: Some((7, 5)) };
        assert_eq!(look(&bytes), Ok(expected));
        assert!(truncated(&bytes[..bytes.len() - 2]));
    }
}

#[test]
fn an_svg_is_closed_by_its_own_end_tag() {
    for open in [
        "<svg><svg></svg><",
        "<svg><g></svg></g>",
        "<svg><!-- </svg> -->",
        "<svg><![CDATA[</svg>]]>",
        "<s:svg></svg>",
        "<svg><svg></svg> <!-- open",
        "<svg",
        "<svg width='7'",
        "<!DOCTYPE svg [ <!ENTITY a \"",
    ] {
        assert!(truncated(open.as_bytes()), "{open}");
    }
}

#[test]
fn a_large_svg_is_judged_by_its_two_ends() {
    let body = "<path d='M0 0'/>".repeat(100_000);
    let svg = format!("<svg width='7' height='5'>{body}</svg>");
    assert!(look(svg.as_bytes()).is_ok());
    assert!(truncated(&svg.as_bytes()[..svg.len() / 2]));
}

#[test]
fn structures_that_contradict_themselves_are_damage() {
    let jpeg = samples::jpeg(0xC0);
    let without_scan = [&jpeg[..46], b"\xFF\xD9"].concat();
    let without_length = [&jpeg[..2], b"\xFF\xE0\0\0", &jpeg[2..]].concat();
    let mut nameless_chunk = samples::png(&[]);
    nameless_chunk[37] = b' ';
    let without_picture = [&samples::png(&[])[..33], b"\0\0\0\0IEND\xAE\x42\x60\x82"].concat();
    let gif = [&samples::gif()[..19], b"\x3B"].concat();
    let webp = samples::webp(&[(b"EXIF", b"none")]);
    let heif = samples::heif(*b"avif", Turn::None);
    let without_data = &heif[..heif.len() - 68];
    let jxl = samples::jxl(&[(b"jxlc", b"no head".to_vec())]);
    for bytes in
        [&without_scan[..], &without_length, &nameless_chunk, &without_picture, &gif, &webp, without_data, &jxl]
    {
        assert!(truncated(bytes), "{bytes:?}: {:?}", look(bytes));
    }
}

#[test]
fn a_bare_jxl_codestream_is_known_by_its_header() {
    let expected = |dimensions| Ok(Inspected { media_type: MediaType::Jxl, dimensions: Some(dimensions) });
    assert_eq!(look(&samples::jxl_head()), expected((7, 5)));
    // Small: one bit, then eights: 8 × (4 + 1) high, and as wide (ratio 1).
    let small: u32 = 1 | 4 << 1 | 1 << 6 | 1 << 9;
    assert_eq!(look(&[&[0xFF, 0x0A][..], &small.to_le_bytes()].concat()), expected((40, 40)));
    // Twice as wide (ratio 7), with an orientation that swaps the sides.
    let turned: u32 = 1 | 4 << 1 | 7 << 6 | 1 << 10 | 5 << 11;
    assert_eq!(look(&[&[0xFF, 0x0A][..], &turned.to_le_bytes()].concat()), expected((40, 80)));
    assert!(truncated(b"\xFF\x0A\0"));
}

#[test]
fn tiff_directories_that_lead_in_circles_end() {
    let mut bytes = samples::tiff(true);
    bytes[70..74].copy_from_slice(&8u32.to_le_bytes());
    assert_eq!(look(&bytes), Err(Rejection::Truncated { detail: "its directories lead in circles".to_owned() }));
}

#[test]
fn a_tiff_of_many_strips_is_no_circle() {
    // One row a strip, the lists of offsets and lengths far apart.
    let rows: u32 = 4000;
    let mut bytes = b"II*\0\x08\0\0\0\x04\0".to_vec();
    let offsets = 8 + 2 + 4 * 12 + 4;
    let data = offsets + rows * 4;
    let lengths = data + rows * 50;
    for (tag, kind, count, value) in
        [(256u16, 4u16, 1, 50), (257, 4, 1, rows), (273, 4, rows, offsets), (279, 4, rows, lengths)]
    {
        bytes
            .extend([&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &value.to_le_bytes()].concat());
    }
    bytes.extend([0; 4]);
    bytes.extend((0..rows).flat_map(|row| (data + row * 50).to_le_bytes()));
    bytes.extend(vec![9; (rows * 50) as usize]);
    bytes.extend((0..rows).flat_map(|_| 50u32.to_le_bytes()));
    assert_eq!(look(&bytes), Ok(Inspected { media_type: MediaType::Tiff, dimensions: Some((50, rows)) }));
    assert!(truncated(&bytes[..bytes.len() - 1]));
}

/// A body of any length that is never in memory: a beginning, then one byte repeated. Counts what is read of it.
struct Endless {
    head: Vec<u8>,
    fill: u8,
    len: u64,
    at: u64,
    read: u64,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = buffer.len().min((self.len - self.at) as usize);
        for (position, byte) in (self.at as usize..).zip(&mut buffer[..count]) {
            *byte = self.head.get(position).copied().unwrap_or(self.fill);
        }
        self.at += count as u64;
        self.read += count as u64;
        Ok(count)
    }
}

impl Seek for Endless {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => at.min(self.len),
            SeekFrom::End(0) => self.len,
            other => panic!("walks seek by position, not {other:?}"),
        };
        Ok(self.at)
    }
}

#[test]
fn large_bodies_are_read_within_a_budget() {
    for sample in samples::all() {
        for keep in [12, 26, sample.bytes.len() / 2, sample.bytes.len()] {
            for fill in [0, 1, 0x2C, 0x3C, 0xFF] {
                let head = sample.bytes[..keep.min(sample.bytes.len())].to_vec();
                let mut body = Endless { head, fill, len: 300_000, at: 0, read: 0 };
                let len = body.len;
                let _ = inspect(&mut body, len).unwrap();
                assert!(body.read <= 32 * len + (5 << 20), "{} filled with {fill}: {} bytes", sample.name, body.read);
            }
        }
    }
}

#[test]
fn items_without_extents_cost_nothing() {
    // A table of item locations with all widths zero and every count at its limit.
    let mut table = vec![2, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF];
    table.resize(60_000, 0xFF);
    let boxed = |kind: &[u8; 4], body: &[u8]| [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat();
    let meta = boxed(b"meta", &[&[0; 4][..], &boxed(b"iloc", &table)].concat());
    let bytes = [boxed(b"ftyp", b"avif\0\0\0\0avif"), meta, boxed(b"mdat", b"x")].concat();
    assert!(truncated(&bytes));
}

#[test]
fn a_reading_error_is_not_a_verdict() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    impl Seek for Broken {
        fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
            Ok(10)
        }
    }
    assert!(inspect(&mut Broken, 10).is_err());
}

#[test]
fn names_lead_there_and_back() {
    for media_type in MediaType::ALL {
        assert_eq!(MediaType::from_essence(media_type.essence()), Some(media_type));
        assert_eq!(media_type.to_string(), media_type.essence());
        assert!(media_type.extension().bytes().all(|byte| byte.is_ascii_lowercase()));
    }
    assert_eq!(MediaType::Apng.extension(), "png");
    assert_eq!(MediaType::from_essence("text/html"), None);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = look(&bytes);
    }

    #[test]
    fn arbitrary_bytes_behind_a_signature_never_panic(
        which in 0..samples::all().len(),
        keep in 0_usize..64,
        bytes in proptest::collection::vec(any::<u8>(), 0..600),
    ) {
        let sample = &samples::all()[which].bytes;
        let _ = look(&[&sample[..keep.min(sample.len())], &bytes].concat());
    }

    #[test]
    fn damaged_samples_never_panic(
        which in 0..samples::all().len(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let mut bytes = samples::all().swap_remove(which).bytes;
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = look(&bytes);
    }
}
