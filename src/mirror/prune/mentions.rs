//! The digests that a text names, whatever its format is.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

/// Calls `each` for every 64 hexadecimal digits in a row in a file. One that is not there names nothing.
///
/// # Errors
/// The file cannot be read, or those of `each`.
pub fn in_file<E: Into<anyhow::Error>>(
    path: &Path,
    each: &mut dyn FnMut([u8; 32]) -> Result<(), E>,
) -> anyhow::Result<()> {
    let mut file = match File::open(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(()),
        file => BufReader::with_capacity(1 << 16, file?),
    };
    let mut window = Window::default();
    loop {
        let piece = file.fill_buf()?;
        if piece.is_empty() {
            return Ok(());
        }
        window.read(piece, each).map_err(Into::into)?;
        let read = piece.len();
        file.consume(read);
    }
}

/// The last 64 hexadecimal digits of a text that is read in pieces.
#[derive(Debug, Default)]
pub(super) struct Window {
    high: u128,
    low: u128,
    /// Digits in a row, up to 64.
    digits: u32,
}

impl Window {
    /// Reads the next piece, and calls `each` for every 64 digits in a row that end in it, also within longer rows.
    /// Bytes of 0 are passed over, so that UTF-16 is read too.
    ///
    /// # Errors
    /// Those of `each`.
    pub(super) fn read<E>(&mut self, piece: &[u8], each: &mut dyn FnMut([u8; 32]) -> Result<(), E>) -> Result<(), E> {
        piece.iter().filter_map(|&byte| self.push(byte)).try_for_each(each)
    }

    /// The digest that ends with this byte.
    fn push(&mut self, byte: u8) -> Option<[u8; 32]> {
        let Some(digit) = char::from(byte).to_digit(16) else {
            if byte != 0 {
                self.digits = 0;
            }
            return None;
        };
        self.high = self.high << 4 | self.low >> 124;
        self.low = self.low << 4 | u128::from(digit);
        self.digits = (self.digits + 1).min(64);
        (self.digits == 64).then(|| {
            let mut digest = [0; 32];
            digest[..16].copy_from_slice(&self.high.to_be_bytes());
            digest[16..].copy_from_slice(&self.low.to_be_bytes());
            digest
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(bytes: &[u8]) -> Vec<String> {
        let (mut found, mut window) = (Vec::new(), Window::default());
        // In pieces, since a digest may lie across two of them.
        for piece in bytes.chunks(7) {
            let each = &mut |digest| {
                found.push(hex::encode(digest));
                Ok::<_, ()>(())
            };
            window.read(piece, each).unwrap();
        }
        found
    }

    #[test]
    fn digests_are_found_in_any_surroundings() {
        let one = format!("0123456789abcdef{}", "f0".repeat(24));
        let other = "5a".repeat(32);
        let wide = |text: &str, first: usize| -> Vec<u8> {
            text.bytes().flat_map(|byte| if first == 0 { [byte, 0] } else { [0, byte] }).collect()
        };
        let table: [(Vec<u8>, Vec<&str>); 8] = [
            (format!("<img src=../assets/01/{one}.jpg>").into(), vec![&one]),
            (format!("/{one}.jpg,{other}").into(), vec![&one, &other]),
            (one.to_uppercase().into(), vec![&one]),
            (wide(&format!("/{one}."), 0), vec![&one]),
            (wide(&format!("/{one}."), 1), vec![&one]),
            (one[1..].into(), vec![]),
            (format!("{}-{}", &one[..40], &one[40..]).into(), vec![]),
            (vec![], vec![]),
        ];
        for (bytes, expected) in table {
            assert_eq!(found(&bytes), expected, "{}", String::from_utf8_lossy(&bytes));
        }
        // As a percent-encoded slash before it makes it.
        assert!(found(format!("%2f{one}.png").as_bytes()).contains(&one));
    }
}
