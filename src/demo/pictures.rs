//! Pictures for the demonstration's origin server, drawn from a seed: the same seed gives the same bytes, another seed
//! another picture. They are small, real and free of anyone's rights.

use sha2::{Digest as _, Sha256};

const WIDTH: usize = 320;
const HEIGHT: usize = 200;

/// The palette runs from one colour to another in this many steps; the last entry is the colour of the shapes.
const STEPS: usize = 63;

/// A PNG of 320 × 200 pixels, a few kilobytes long: a gradient with a disc and a symmetric pattern on it, all three
/// of which follow from the seed.
#[expect(clippy::expect_used, reason = "writing to memory fails only when header and data disagree, and both are ours")]
pub fn picture(seed: &str) -> Vec<u8> {
    let random: [u8; 32] = Sha256::digest(seed).into();
    let mut pixels = Vec::with_capacity(WIDTH * HEIGHT);
    for y in 0..HEIGHT {
        pixels.extend((0..WIDTH).map(|x| pixel(&random, x, y)));
    }
    let mut bytes = Vec::new();
    encode(&mut bytes, &palette(&random), &pixels).expect("a picture of this size can be encoded");
    bytes
}

fn encode(bytes: &mut Vec<u8>, palette: &[u8], pixels: &[u8]) -> Result<(), png::EncodingError> {
    let mut encoder = png::Encoder::new(bytes, WIDTH as u32, HEIGHT as u32);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette.to_vec());
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()
}

/// The palette index of one pixel.
fn pixel(random: &[u8; 32], x: usize, y: usize) -> u8 {
    let shape = STEPS as u8;
    if in_disc(random, x, y) || in_pattern(random, x, y) {
        return shape;
    }
    // The gradient runs down, or down and sideways.
    let slant = usize::from(random[12] % 4);
    let way = y * 4 + x * slant;
    (way * (STEPS - 1) / (HEIGHT * 4 + WIDTH * slant)) as u8
}

fn in_disc(random: &[u8; 32], x: usize, y: usize) -> bool {
    let (center_x, center_y) = (40 + usize::from(random[13]) * 60 / 255, 40 + usize::from(random[14]) * 120 / 255);
    let radius = 16 + usize::from(random[15] % 16);
    let (dx, dy) = (x.abs_diff(center_x), y.abs_diff(center_y));
    dx * dx + dy * dy < radius * radius
}

/// Seven by seven squares of 18 pixels on the right, of which the left half decides the right one.
fn in_pattern(random: &[u8; 32], x: usize, y: usize) -> bool {
    let (Some(x), Some(y)) = (x.checked_sub(160), y.checked_sub(37)) else { return false };
    let (column, row) = (x / 18, y / 18);
    if column > 6 || row > 6 {
        return false;
    }
    let bit = row * 4 + column.min(6 - column);
    random[16 + bit / 8] >> (bit % 8) & 1 == 1
}

/// From one colour of the seed to another, and a third one for the shapes. Three bytes a colour.
fn palette(random: &[u8; 32]) -> Vec<u8> {
    let mut palette = Vec::with_capacity((STEPS + 1) * 3);
    for step in 0..STEPS {
        for channel in 0..3 {
            let (from, to) = (usize::from(random[channel]), usize::from(random[3 + channel]));
            palette.push(((from * (STEPS - 1 - step) + to * step) / (STEPS - 1)) as u8);
        }
    }
    palette.extend(&random[6..9]);
    palette
}

/// A GIF of 64 × 40 pixels with four frames: a bar that moves over a ground, in two colours of the seed.
pub fn animated_gif(seed: &str) -> Vec<u8> {
    let random: [u8; 32] = Sha256::digest(seed).into();
    let (width, height, frames) = (64_u16, 40_u16, 4_u16);
    let mut gif = b"GIF89a".to_vec();
    gif.extend(width.to_le_bytes());
    gif.extend(height.to_le_bytes());
    // A palette of two colours.
    gif.extend([0x80, 0, 0]);
    gif.extend(&random[..6]);
    // Once and again for ever, by the extension that all browsers know.
    gif.extend(b"\x21\xFF\x0BNETSCAPE2.0\x03\x01\x00\x00\x00");
    for frame in 0..frames {
        // A fifth of a second a frame.
        gif.extend([0x21, 0xF9, 4, 0, 20, 0, 0, 0]);
        gif.extend([0x2C, 0, 0, 0, 0]);
        gif.extend(width.to_le_bytes());
        gif.extend(height.to_le_bytes());
        gif.push(0);
        let bar = frame * width / frames;
        let pixels = (0..height).flat_map(|_| (0..width).map(|x| u8::from(x.wrapping_sub(bar) < width / frames)));
        gif_data(&mut gif, pixels);
    }
    gif.push(0x3B);
    gif
}

/// The pixels (0 or 1) as GIF image data.
///
/// LZW without a dictionary: codes of three bits, and a clear code before the dictionary would need a fourth
/// (GIF89a, appendix F). Larger than need be, and valid everywhere.
fn gif_data(gif: &mut Vec<u8>, pixels: impl Iterator<Item = u8>) {
    const CLEAR: u8 = 4;
    const END: u8 = 5;
    let mut codes = Vec::new();
    for (position, pixel) in pixels.enumerate() {
        // The second code after a clear adds entry 6 to the dictionary. A third would add entry 7, the last of three
        // bits, and everything after it would need four.
        if position % 2 == 0 {
            codes.push(CLEAR);
        }
        codes.push(pixel);
    }
    codes.push(END);

    let mut packed = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for code in codes {
        bits |= u32::from(code) << count;
        count += 3;
        if count >= 8 {
            packed.push(bits as u8);
            bits >>= 8;
            count -= 8;
        }
    }
    packed.push(bits as u8);

    gif.push(2);
    for block in packed.chunks(255) {
        gif.push(block.len() as u8);
        gif.extend(block);
    }
    gif.push(0);
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::io::Cursor;

    use super::*;
    use crate::media_type::{Inspected, MediaType, inspect};

    fn look(bytes: &[u8]) -> Inspected {
        inspect(&mut Cursor::new(bytes), bytes.len() as u64).unwrap().unwrap()
    }

    #[test]
    fn a_picture_is_a_small_png_that_decodes() {
        for seed in ["", "http://zkres1.myzaker.com/202106/60dc59358e9f094792430bd3_1024.jpg", "桥"] {
            let bytes = picture(seed);
            assert_eq!(look(&bytes), Inspected { media_type: MediaType::Png, dimensions: Some((320, 200)) });
            assert!(bytes.len() < 6000, "{} bytes", bytes.len());
            let mut reader = png::Decoder::new(Cursor::new(bytes)).read_info().unwrap();
            let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
            reader.next_frame(&mut pixels).unwrap();
            reader.finish().unwrap();
            assert!(pixels.iter().collect::<HashSet<_>>().len() > 40, "a gradient and a shape");
        }
    }

    #[test]
    fn an_animation_is_a_small_gif() {
        let bytes = animated_gif("seed");
        assert_eq!(look(&bytes), Inspected { media_type: MediaType::Gif, dimensions: Some((64, 40)) });
        assert!(bytes.len() < 8000, "{} bytes", bytes.len());
    }

    #[test]
    fn gif_codes_never_need_a_fourth_bit() {
        let mut data = Vec::new();
        gif_data(&mut data, [0, 1, 1].into_iter());
        // Clear 0 1 clear 1 end, three bits each, lowest first.
        let codes = [4, 0, 1, 4, 1, 5].iter().rev().fold(0_u32, |bits, code| bits << 3 | code);
        assert_eq!(data, [2, 3, codes as u8, (codes >> 8) as u8, (codes >> 16) as u8, 0]);
    }

    #[test]
    fn a_seed_decides_everything() {
        let seeds: Vec<String> = (0..50).map(|i| format!("picture {i}")).collect();
        let pictures: HashSet<_> = seeds.iter().map(|seed| picture(seed)).collect();
        let animations: HashSet<_> = seeds.iter().map(|seed| animated_gif(seed)).collect();
        assert_eq!((pictures.len(), animations.len()), (50, 50));
        assert_eq!(picture("a"), picture("a"));
        assert_eq!(animated_gif("a"), animated_gif("a"));
    }
}
