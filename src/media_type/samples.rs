//! One tiny image of each type, assembled by hand: the structure is exact, the pixels are noise.

use super::MediaType;

/// Name, type, width and height, and the bytes.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) media_type: MediaType,
    pub(crate) dimensions: (u32, u32),
    pub(crate) bytes: Vec<u8>,
}

/// Picture data that look like none of the structures around them.
fn pixels(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 37 % 200) as u8).collect()
}

pub(crate) fn all() -> Vec<Sample> {
    use MediaType::*;
    let sample = |name, media_type, dimensions, bytes| Sample { name, media_type, dimensions, bytes };
    vec![
        sample("jpeg", Jpeg, (7, 5), jpeg(0xC0)),
        sample("progressive jpeg", Jpeg, (7, 5), jpeg(0xC2)),
        sample("png", Png, (7, 5), png(&[])),
        sample("apng", Apng, (7, 5), png(b"acTL")),
        sample("gif", Gif, (7, 5), gif()),
        sample("webp, lossy", WebP, (7, 5), webp(&[(b"VP8 ", &vp8())])),
        sample("webp, lossless", WebP, (7, 5), webp(&[(b"VP8L", &vp8l())])),
        sample("webp, animated", WebP, (7, 5), webp(&[(b"VP8X", &vp8x()), (b"ANIM", &[0; 6]), (b"ANMF", &pixels(41))])),
        sample("avif", Avif, (7, 5), heif(*b"avif", Turn::None)),
        sample("avif, turned", Avif, (5, 7), heif(*b"avif", Turn::Quarter)),
        sample("heic", Heic, (7, 5), heif(*b"heic", Turn::None)),
        sample("heic behind a generic brand", Heic, (7, 5), heif(*b"mif1", Turn::None)),
        sample("jxl in boxes", Jxl, (7, 5), jxl(&[(b"jxlc", [jxl_head(), pixels(30)].concat())])),
        sample("jxl in parts", Jxl, (7, 5), jxl_parts()),
        sample("svg", Svg, (7, 5), svg().into_bytes()),
        sample("ico", Ico, (16, 16), ico()),
        sample("bmp", Bmp, (7, 5), bmp()),
        sample("tiff, little-endian", Tiff, (7, 5), tiff(true)),
        sample("tiff, big-endian", Tiff, (7, 5), tiff(false)),
    ]
}

pub(crate) fn jpeg(frame: u8) -> Vec<u8> {
    let mut bytes = vec![0xFF, 0xD8];
    bytes.extend(b"\xFF\xE0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00");
    // A preview in the metadata has an end marker of its own.
    bytes.extend(b"\xFF\xE1\x00\x0CExif\x00\x00\xFF\xD8\xFF\xD9");
    bytes.extend([0xFF, frame, 0x00, 0x0B, 8, 0, 5, 0, 7, 1, 1, 0x11, 0]);
    // Fill bytes may stand before any marker.
    bytes.extend([0xFF, 0xFF, 0xFF, 0xDA, 0x00, 0x08, 1, 1, 0, 0, 63, 0]);
    bytes.extend(pixels(40));
    // Stuffed zero, restart marker.
    bytes.extend([0xFF, 0x00, 0xFF, 0xD0]);
    bytes.extend(pixels(40));
    bytes.extend([0xFF, 0xD9]);
    bytes
}

pub(crate) fn png(extra: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1A\n".to_vec();
    let mut chunk = |kind: &[u8], content: &[u8]| {
        bytes.extend((content.len() as u32).to_be_bytes());
        bytes.extend([kind, content, &[0; 4]].concat());
    };
    chunk(b"IHDR", &[0, 0, 0, 7, 0, 0, 0, 5, 8, 2, 0, 0, 0]);
    if !extra.is_empty() {
        chunk(extra, &[0, 0, 0, 1, 0, 0, 0, 0]);
    }
    chunk(b"IDAT", &pixels(60));
    chunk(b"IEND", &[]);
    bytes
}

pub(crate) fn gif() -> Vec<u8> {
    let mut bytes = b"GIF89a\x07\x00\x05\x00\x80\x00\x00".to_vec();
    bytes.extend([0, 0, 0, 255, 255, 255]);
    bytes.extend(b"\x21\xF9\x04\x00\x00\x00\x00\x00");
    bytes.extend(b"\x2C\x00\x00\x00\x00\x07\x00\x05\x00\x80");
    bytes.extend([0, 0, 0, 255, 255, 255, 2, 50]);
    bytes.extend(pixels(50));
    bytes.extend([0, 0x3B]);
    bytes
}

fn vp8() -> Vec<u8> {
    [&[0x10, 0, 0, 0x9D, 0x01, 0x2A, 7, 0x40, 5, 0][..], &pixels(31)].concat()
}

fn vp8l() -> Vec<u8> {
    [&[0x2F][..], &(6u32 | 4 << 14).to_le_bytes(), &pixels(31)].concat()
}

fn vp8x() -> Vec<u8> {
    vec![2, 0, 0, 0, 6, 0, 0, 4, 0, 0]
}

pub(crate) fn webp(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut content = b"WEBP".to_vec();
    for (kind, body) in chunks {
        content.extend([&kind[..], &(body.len() as u32).to_le_bytes(), body, &[0][..body.len() % 2]].concat());
    }
    [b"RIFF", &(content.len() as u32).to_le_bytes()[..], &content].concat()
}

fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32 + 8).to_be_bytes()[..], kind, content].concat()
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Turn {
    None,
    Quarter,
}

pub(crate) fn heif(major: [u8; 4], turn: Turn) -> Vec<u8> {
    let brands =
        boxed(b"ftyp", &[&major[..], &[0; 4], b"mif1", if &major == b"mif1" { b"heic" } else { &major }].concat());
    let meta = |offset: u32| {
        let size = |w: u8, h: u8| boxed(b"ispe", &[0, 0, 0, 0, 0, 0, 0, w, 0, 0, 0, h]);
        let mut list = [size(7, 5), size(3, 2)].concat();
        if turn == Turn::Quarter {
            list.extend(boxed(b"irot", &[1]));
        }
        let properties = boxed(b"iprp", &[boxed(b"ipco", &list), boxed(b"ipma", &[0; 8])].concat());
        let mut items = vec![0, 0, 0, 0, 0x44, 0, 0, 1, 0, 1, 0, 0, 0, 1];
        items.extend([offset.to_be_bytes(), 60u32.to_be_bytes()].concat());
        boxed(b"meta", &[&[0; 4][..], &properties, &boxed(b"iloc", &items)].concat())
    };
    let offset = (brands.len() + meta(0).len() + 8) as u32;
    [brands, meta(offset), boxed(b"mdat", &pixels(60))].concat()
}

/// Small, height 8·(0+1)… is too coarse for seven by five: nine bits for each side.
pub(crate) fn jxl_head() -> Vec<u8> {
    let bits: u64 = (4 << 3) | (6 << (1 + 2 + 9 + 3 + 2)) | (1 << (1 + 2 + 9 + 3 + 2 + 9));
    [&[0xFF, 0x0A][..], &bits.to_le_bytes()].concat()
}

pub(crate) fn jxl(boxes: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut bytes = boxed(b"JXL ", b"\r\n\x87\n");
    bytes.extend(boxed(b"ftyp", b"jxl \0\0\0\0jxl "));
    bytes.extend(boxes.iter().flat_map(|(kind, content)| boxed(kind, content)));
    bytes
}

fn jxl_parts() -> Vec<u8> {
    let first = [&[0, 0, 0, 0][..], &jxl_head()].concat();
    let last = [&[0x80, 0, 0, 1][..], &pixels(60)].concat();
    jxl(&[(b"jxlp", first), (b"jxlp", last)])
}

pub(crate) fn svg() -> String {
    concat!(
        "\u{FEFF}<?xml version=\"1.0\"?>\n<!-- a <html> comment -->\n",
        "<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"a>b\" [ <!ENTITY x \"]>\"> ]>\n",
        "<svg xmlns='http://www.w3.org/2000/svg' width=\"7\" height='5px' viewBox=\"0 0 70 50\"><svg>",
        "<path d=\"M0 0L7 5\"/></svg><text>five by seven, or so</text></svg>\n"
    )
    .to_owned()
}

pub(crate) fn ico() -> Vec<u8> {
    let mut bytes = vec![0, 0, 1, 0, 2, 0];
    bytes.extend([&[8, 8, 0, 0, 1, 0, 32, 0][..], &30u32.to_le_bytes(), &38u32.to_le_bytes()].concat());
    bytes.extend([&[16, 16, 0, 0, 1, 0, 32, 0][..], &70u32.to_le_bytes(), &68u32.to_le_bytes()].concat());
    bytes.extend(pixels(100));
    bytes
}

pub(crate) fn bmp() -> Vec<u8> {
    // Seven pixels of three bytes make rows of 24 bytes.
    let data = pixels(24 * 5);
    let mut bytes = b"BM".to_vec();
    bytes.extend((54 + data.len() as u32).to_le_bytes());
    bytes.extend([0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 7, 0, 0, 0]);
    bytes.extend((-5i32).to_le_bytes());
    bytes.extend([1, 0, 24, 0]);
    bytes.extend([0; 24]);
    bytes.extend(data);
    bytes
}

pub(crate) fn tiff(little: bool) -> Vec<u8> {
    let n16 = |n: u16| if little { n.to_le_bytes() } else { n.to_be_bytes() };
    let n32 = |n: u32| if little { n.to_le_bytes() } else { n.to_be_bytes() };
    let entry = |tag, kind, count: u32, value: [u8; 4]| [&n16(tag)[..], &n16(kind), &n32(count), &value].concat();
    let short = |n| [n16(n), [0, 0]].concat().try_into().unwrap();
    let mut bytes = if little { b"II*\0".to_vec() } else { b"MM\0*".to_vec() };
    bytes.extend(n32(8));
    // Five entries, then the two lists of the strips, then the strips.
    let lists = 8 + 2 + 5 * 12 + 4;
    bytes.extend(n16(5));
    bytes.extend(entry(256, 3, 1, short(7)));
    bytes.extend(entry(257, 3, 1, short(5)));
    bytes.extend(entry(273, 4, 2, n32(lists)));
    bytes.extend(entry(279, 3, 2, [n16(40), n16(30)].concat().try_into().unwrap()));
    bytes.extend(entry(65000, 99, 1, [0; 4]));
    bytes.extend(n32(0));
    bytes.extend([n32(lists + 8), n32(lists + 48)].concat());
    bytes.extend(pixels(70));
    bytes
}
