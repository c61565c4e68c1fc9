//! Small pictures, whole and valid. Each is made from a seed: another seed gives other bytes.

/// The picture of a URL, of the kind that its extension names; PNG where it names none.
pub fn for_url(url: &str) -> Vec<u8> {
    let path = url.split(['?', '!']).next().unwrap_or_default().to_ascii_lowercase();
    match path.rsplit_once('.') {
        Some((_, "jpg" | "jpeg")) => jpeg(url),
        Some((_, "gif")) => gif(url),
        Some((_, "svg")) => svg(url).into_bytes(),
        _ => png(url),
    }
}

/// The name under which the picture of a URL is kept: `ab/ab….png`.
pub fn name_for_url(url: &str) -> String {
    name_of(&for_url(url))
}

/// The name under which a picture is kept: `ab/ab….png`.
pub fn name_of(picture: &[u8]) -> String {
    use sha2::{Digest as _, Sha256};
    let digest = hex::encode(Sha256::digest(picture));
    format!("{}/{digest}.{}", &digest[..2], extension_of(picture))
}

/// The extension that a picture is kept under.
pub fn extension_of(bytes: &[u8]) -> &'static str {
    match bytes {
        [0xff, 0xd8, ..] => "jpg",
        [b'G', b'I', b'F', ..] => "gif",
        [0x89, b'P', b'N', b'G', ..] => "png",
        [b'R', b'I', b'F', b'F', ..] => "webp",
        [0xff, 0x0a, ..] | [0, 0, 0, 12, b'J', b'X', b'L', ..] => "jxl",
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => {
            if brand.starts_with(b"avif") {
                "avif"
            } else {
                "heic"
            }
        }
        [0, 0, 1, 0, ..] => "ico",
        [b'B', b'M', ..] => "bmp",
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => "tif",
        _ if bytes.starts_with(b"<?xml") => "svg",
        _ if bytes.starts_with(b"<svg") => "svg",
        _ => panic!("no picture of ours: {:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(40)])),
    }
}

/// 8 × 8 grey pixels; the seed is a comment.
pub fn jpeg(seed: &str) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8];
    let mut segment = |marker: u8, content: &[u8]| {
        bytes.extend([0xff, marker]);
        bytes.extend((content.len() as u16 + 2).to_be_bytes());
        bytes.extend(content);
    };
    segment(0xfe, seed.as_bytes());
    segment(0xdb, &[&[0][..], &[1; 64]].concat());
    segment(0xc0, &[8, 0, 8, 0, 8, 1, 1, 0x11, 0]);
    // Two Huffman tables of one code each: no difference, and end of block.
    let one_code = [&[1][..], &[0; 15], &[0]].concat();
    segment(0xc4, &[&[0x00], &one_code[..]].concat());
    segment(0xc4, &[&[0x10], &one_code[..]].concat());
    segment(0xda, &[1, 1, 0, 0, 63, 0]);
    // One block: the bits 0 and 0, then ones to the end of the byte.
    bytes.push(0b0011_1111);
    bytes.extend([0xff, 0xd9]);
    bytes
}

/// One white pixel; the seed is a comment.
pub fn gif(seed: &str) -> Vec<u8> {
    assert!(seed.len() < 256);
    let mut bytes = b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0".to_vec();
    if !seed.is_empty() {
        bytes.extend([0x21, 0xfe, seed.len() as u8]);
        bytes.extend(seed.as_bytes());
        bytes.push(0);
    }
    bytes.extend(b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0\x3b");
    bytes
}

/// 4 × 2 pixels, coloured by the seed's digest.
pub fn png(seed: &str) -> Vec<u8> {
    use sha2::{Digest as _, Sha256};
    let pixels = Sha256::digest(seed);
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 4, 2);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(&pixels[..24]).unwrap();
    bytes
}

/// A drawing that is nothing but its title.
pub fn svg(seed: &str) -> String {
    let title = seed.replace('&', "&amp;").replace('<', "&lt;");
    format!("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 9 9\"><title>{title}</title></svg>\n")
}

/// A picture that is too large to be kept in memory while it arrives.
#[cfg(target_os = "linux")]
pub fn large_png() -> Vec<u8> {
    use sha2::{Digest as _, Sha256};
    let pixels: Vec<u8> = (0..16384u32).flat_map(|block| Sha256::digest(block.to_le_bytes()).to_vec()).collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 512, 1024);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    bytes
}
