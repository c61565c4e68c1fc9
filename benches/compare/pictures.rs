//! Pictures of any size: grey noise as a baseline JPEG that decoders read to its end.

use fastrand::Rng;

/// Bytes that one block of 8 × 8 pixels takes: a bit for its first coefficient, nine for each of the others.
const BLOCK: usize = (1 + 63 * 9) / 8;
/// Blocks in a row of all but the smallest pictures.
const COLUMNS: usize = 32;

/// A picture of about `size` bytes; another state of `rng` gives another picture.
pub fn jpeg(rng: &mut Rng, size: usize) -> Vec<u8> {
    let blocks = (size / BLOCK).max(1);
    let columns = blocks.min(COLUMNS);
    let rows = blocks / columns;
    let mut bytes = vec![0xff, 0xd8];
    segment(&mut bytes, 0xdb, &[&[0][..], &[1; 64]].concat());
    let [h1, h0] = pixels(rows);
    let [w1, w0] = pixels(columns);
    segment(&mut bytes, 0xc0, &[8, h1, h0, w1, w0, 1, 1, 0x11, 0]);
    // Two Huffman tables with one code of one bit: no difference of the first coefficient, and eight bits for each other.
    let one_code = |symbol| [&[1][..], &[0; 15], &[symbol]].concat();
    segment(&mut bytes, 0xc4, &[&[0x00][..], &one_code(0)].concat());
    segment(&mut bytes, 0xc4, &[&[0x10][..], &one_code(8)].concat());
    segment(&mut bytes, 0xda, &[1, 1, 0, 0, 63, 0]);
    scan(rng, rows * columns, &mut bytes);
    bytes.extend([0xff, 0xd9]);
    bytes
}

fn pixels(blocks: usize) -> [u8; 2] {
    u16::try_from(blocks * 8).unwrap_or(u16::MAX).to_be_bytes()
}

fn segment(bytes: &mut Vec<u8>, marker: u8, content: &[u8]) {
    bytes.extend([0xff, marker]);
    bytes.extend((content.len() as u16 + 2).to_be_bytes());
    bytes.extend(content);
}

fn scan(rng: &mut Rng, blocks: usize, bytes: &mut Vec<u8>) {
    let (mut bits, mut held) = (0_u32, 0);
    let mut put = |value: u32, count: u32, bytes: &mut Vec<u8>| {
        bits = bits << count | value;
        held += count;
        while held >= 8 {
            held -= 8;
            let byte = (bits >> held) as u8;
            bytes.push(byte);
            if byte == 0xff {
                bytes.push(0);
            }
        }
        bits &= (1 << held) - 1;
    };
    for _ in 0..blocks {
        put(0, 1, bytes);
        for _ in 0..63 {
            put(rng.u8(..).into(), 9, bytes);
        }
    }
    put(0x7f, 7, bytes);
}
