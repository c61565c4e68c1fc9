//! One small picture of every format that browsers show.
//!
//! Where a string of base64 stands, a real encoder made it (they are the test images by which pages find out what a
//! browser can show). The others are put together here; only in HEIC the coded picture itself is noise.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::pictures;

/// A picture by the name of its format.
pub fn every_format() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("jpeg", pictures::jpeg("format")),
        ("png", pictures::png("format")),
        ("apng", apng()),
        ("gif", pictures::gif("format")),
        ("webp-lossy", real("UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA")),
        ("webp-lossless", real("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")),
        ("webp-animated", real(ANIMATED_WEBP)),
        ("avif", real(AVIF)),
        ("heic", heic()),
        ("jxl-bare", real(JXL)),
        ("jxl-boxed", boxed_jxl()),
        ("svg", pictures::svg("format").into_bytes()),
        (
            "svg-with-prolog",
            format!("<?xml version=\"1.0\"?>\n<!-- drawn -->\n{}", pictures::svg("prolog")).into_bytes(),
        ),
        ("ico", ico()),
        ("bmp", bmp()),
        ("tiff", tiff()),
    ]
}

/// One pixel that flashes.
const ANIMATED_WEBP: &str = "UklGRlIAAABXRUJQVlA4WAoAAAASAAAAAAAAAAAAQU5JTQYAAAD/////AABBTk1GJgAAAAAAAAAAAAAAAAAA\
    AGQAAABWUDhMDQAAAC8AAAAQBxAREYiI/gcA";

/// Two by two pixels.
const AVIF: &str = "AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUIAAADybWV0YQAAAAAAAAAoaGRscgAAAAAAAAAAcGljdAAAAAAAAAAA\
    AAAAAGxpYmF2aWYAAAAADnBpdG0AAAAAAAEAAAAeaWxvYwAAAABEAAABAAEAAAABAAABGgAAAB0AAAAoaWluZgAAAAAAAQAAABppbmZlAgAAAAABAABh\
    djAxQ29sb3IAAAAAamlwcnAAAABLaXBjbwAAABRpc3BlAAAAAAAAAAIAAAACAAAAEHBpeGkAAAAAAwgICAAAAAxhdjFDgQ0MAAAAABNjb2xybmNseAAC\
    AAIAAYAAAAAXaXBtYQAAAAAAAAABAAEEAQKDBAAAACVtZGF0EgAKCBgANogQEAwgMg8f8D///8WfhwB8+ErK42A=";

/// One pixel.
const JXL: &str = "/woIAAAMABKIAgC4AF3lEgAAFSqjjBu8nOv58kOHxbSN6wxttW1hSaLIODZJJ3BIEkkaoCUzGM6qJAE=";

fn real(base64: &str) -> Vec<u8> {
    STANDARD.decode(base64).unwrap()
}

/// Two frames of two by two pixels.
fn apng() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 2, 2);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_animated(2, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[0; 4]).unwrap();
    writer.write_image_data(&[255; 4]).unwrap();
    writer.finish().unwrap();
    bytes
}

/// A box of ISO/IEC 14496-12.
fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32 + 8).to_be_bytes()[..], kind, content].concat()
}

/// The bare codestream in its container.
fn boxed_jxl() -> Vec<u8> {
    [boxed(b"JXL ", b"\r\n\x87\n"), boxed(b"ftyp", b"jxl \0\0\0\0jxl "), boxed(b"jxlc", &real(JXL))].concat()
}

/// One item of 64 by 64 pixels.
fn heic() -> Vec<u8> {
    let coded: Vec<u8> = (0..48).map(|byte: u8| byte.wrapping_mul(91)).collect();
    let brands = boxed(b"ftyp", b"heic\0\0\0\0mif1heic");
    let handler = boxed(b"hdlr", b"\0\0\0\0\0\0\0\0pict\0\0\0\0\0\0\0\0\0\0\0\0\0");
    let primary = boxed(b"pitm", &[0, 0, 0, 0, 0, 1]);
    let entry = boxed(b"infe", b"\x02\0\0\0\0\x01\0\0hvc1\0");
    let items = boxed(b"iinf", &[&[0, 0, 0, 0, 0, 1], &entry[..]].concat());
    let size = boxed(b"ispe", &[0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 64]);
    let owners = boxed(b"ipma", &[0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 0x81]);
    let properties = boxed(b"iprp", &[boxed(b"ipco", &size), owners].concat());
    let meta = |offset: u32| {
        let place = [&[0, 0, 0, 0, 0x44, 0, 0, 1, 0, 1, 0, 0, 0, 1][..], &offset.to_be_bytes(), &48_u32.to_be_bytes()];
        let parts = [&[0; 4][..], &handler, &primary, &boxed(b"iloc", &place.concat()), &items, &properties];
        boxed(b"meta", &parts.concat())
    };
    let offset = (brands.len() + meta(0).len() + 8) as u32;
    [brands, meta(offset), boxed(b"mdat", &coded)].concat()
}

/// A PNG in a directory of one.
fn ico() -> Vec<u8> {
    let picture = pictures::png("icon");
    let mut bytes = vec![0, 0, 1, 0, 1, 0, 4, 2, 0, 0, 1, 0, 24, 0];
    bytes.extend((picture.len() as u32).to_le_bytes());
    bytes.extend(22_u32.to_le_bytes());
    bytes.extend(picture);
    bytes
}

/// Two by two pixels of 24 bits; each row is filled up to eight bytes.
fn bmp() -> Vec<u8> {
    let rows = [[1, 2, 3, 4, 5, 6, 0, 0], [7, 8, 9, 10, 11, 12, 0, 0]].concat();
    let mut bytes = b"BM".to_vec();
    for number in [54 + rows.len() as u32, 0, 54, 40, 2, 2, 1 | 24 << 16, 0, rows.len() as u32, 2835, 2835, 0, 0] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(rows);
    bytes
}

/// Two by two grey pixels in one strip.
fn tiff() -> Vec<u8> {
    let entries: [(u16, u16, u32); 9] = [
        (256, 3, 2),
        (257, 3, 2),
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 8 + 2 + 9 * 12 + 4),
        (277, 3, 1),
        (278, 3, 2),
        (279, 4, 4),
    ];
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    bytes.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, value) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend([1_u32, value].map(u32::to_le_bytes).concat());
    }
    bytes.extend([0, 0, 0, 0, 10, 90, 170, 250]);
    bytes
}
