//! Which encoding a file is in, and how its text leads back to its bytes.

use std::borrow::Cow;

use encoding_rs::{DecoderResult, Encoding, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE};

use crate::text::{OffsetMap, Text};

/// How far a declaration is looked for (WHATWG HTML 13.2.3.2 says 1024 bytes; generators put more in front of it).
const PRESCAN: usize = 4096;

/// The text that bytes are, if all of them are valid UTF-8. Checked many at a time where the processor can.
pub(super) fn valid_utf8(bytes: &[u8]) -> Option<&str> {
    match UTF_8.decode_without_bom_handling_and_without_replacement(bytes)? {
        Cow::Borrowed(text) => Some(text),
        Cow::Owned(_) => None,
    }
}

/// The encoding of bytes that are valid UTF-8: UTF-8, whatever the document declares. Text that is valid UTF-8 and not
/// ASCII is never anything else in practice, while stale declarations are common in saved pages. But seven bits may be
/// Japanese all the same: then they hold escapes, and say so.
pub(super) fn detect_in_text(text: &str) -> &'static Encoding {
    let bytes = text.as_bytes();
    let escapes = memchr::memchr(0x1B, bytes).is_some() && declared(bytes) == Some(ISO_2022_JP);
    if escapes { ISO_2022_JP } else { UTF_8 }
}

/// The encoding of bytes that are not valid UTF-8: byte order mark, then what the document declares, then a guess.
pub(super) fn detect_in_bytes(bytes: &[u8]) -> &'static Encoding {
    match Encoding::for_bom(bytes) {
        Some((encoding, _)) => encoding,
        None => declared(bytes).unwrap_or_else(|| guess(bytes)),
    }
}

fn guess(bytes: &[u8]) -> &'static Encoding {
    // A few bad bytes in a file that is otherwise UTF-8 do not make it anything else.
    let lossy = String::from_utf8_lossy(&bytes[..bytes.len().min(1 << 20)]);
    let broken = lossy.matches('\u{FFFD}').count();
    let whole = lossy.chars().filter(|c| !c.is_ascii() && *c != '\u{FFFD}').count();
    if whole > 4 * broken {
        return UTF_8;
    }
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
    detector.feed(&bytes[..bytes.len().min(1 << 20)], true);
    detector.guess(None, chardetng::Utf8Detection::Allow)
}

/// `<meta charset>`, `http-equiv` content, an XML declaration or `@charset`, by the WHATWG labels.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = bytes[..bytes.len().min(PRESCAN)].to_ascii_lowercase();
    let after = |marker: &[u8]| {
        memchr::memmem::find_iter(&head, marker).find_map(|at| {
            let rest = without_space(&head[at + marker.len()..]);
            let rest = without_space(rest.strip_prefix(b"=").unwrap_or(rest));
            let quotes = rest.iter().take_while(|byte| matches!(**byte, b'"' | b'\'')).count();
            let label = |byte: &&u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(*byte);
            let end = quotes + rest[quotes..].iter().take_while(label).count();
            Encoding::for_label(&rest[quotes..end])
        })
    };
    let found = if head.starts_with(b"@charset") {
        after(b"@charset")
    } else if without_space(&head).starts_with(b"<?xml") {
        after(b"encoding").or_else(|| after(b"charset"))
    } else {
        after(b"charset")
    };
    // A declaration that can be read byte by byte cannot mean UTF-16 (WHATWG HTML 13.2.3.2, step 13).
    found.map(|encoding| if encoding == UTF_16LE || encoding == UTF_16BE { UTF_8 } else { encoding })
}

/// Bytes from the first on that is no white space in Latin-1.
fn without_space(bytes: &[u8]) -> &[u8] {
    let space = |byte: &&u8| matches!(**byte, b'\t'..=b'\r' | b' ' | 0x85 | 0xA0);
    &bytes[bytes.iter().take_while(space).count()..]
}

/// Text that is its own source, without its byte order mark.
pub(super) fn without_mark(text: &str) -> Text<'_> {
    match text.strip_prefix('\u{feff}') {
        None => Text::plain(text),
        Some(rest) => {
            let mut plain = Text::plain(rest);
            plain.map.skip('\u{feff}'.len_utf8());
            plain
        }
    }
}

/// The text of `bytes` without its byte order mark, with the way back.
pub(super) fn decode(bytes: &[u8], encoding: &'static Encoding) -> Text<'static> {
    let bom = Encoding::for_bom(bytes).filter(|(found, _)| *found == encoding).map_or(0, |(_, length)| length);
    let body = &bytes[bom..];
    let mut map = OffsetMap::default();
    if bom > 0 {
        map.skip(bom);
    }
    let text = match encoding {
        e if e == UTF_8 => decode_utf8(body, &mut map),
        e if e == UTF_16LE => decode_utf16(body, u16::from_le_bytes, &mut map),
        e if e == UTF_16BE => decode_utf16(body, u16::from_be_bytes, &mut map),
        _ => decode_legacy(body, encoding, &mut map),
    };
    Text { text: text.into(), map }
}

fn decode_utf8(bytes: &[u8], map: &mut OffsetMap) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        map.push_run(chunk.valid().len(), 1, 1);
        if !chunk.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
            map.push_char(chunk.invalid().len(), char::REPLACEMENT_CHARACTER.len_utf8());
        }
    }
    text
}

fn decode_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16, map: &mut OffsetMap) -> String {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    let mut text = String::with_capacity(bytes.len());
    for decoded in char::decode_utf16(units) {
        let raw = decoded.as_ref().map_or(2, |c| 2 * c.len_utf16());
        let c = decoded.unwrap_or(char::REPLACEMENT_CHARACTER);
        text.push(c);
        map.push_char(raw, c.len_utf8());
    }
    if bytes.len() % 2 == 1 {
        text.push(char::REPLACEMENT_CHARACTER);
        map.push_char(1, char::REPLACEMENT_CHARACTER.len_utf8());
    }
    text
}

/// Feeds the decoder byte by byte wherever it is not plain ASCII, so that every character's own bytes are known.
fn decode_legacy(bytes: &[u8], encoding: &'static Encoding, map: &mut OffsetMap) -> String {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut text = String::with_capacity(bytes.len() * 3 / 2);
    let mut pending = 0;
    let mut at = 0;
    while at < bytes.len() {
        if pending == 0 && encoding.is_ascii_compatible() {
            let ascii = Encoding::ascii_valid_up_to(&bytes[at..]);
            text.push_str(std::str::from_utf8(&bytes[at..at + ascii]).unwrap_or_default());
            map.push_run(ascii, 1, 1);
            at += ascii;
            if at == bytes.len() {
                break;
            }
        }
        let mut utf8 = [0; 16];
        let last = at + 1 == bytes.len();
        let (result, read, written) = decoder.decode_to_utf8_without_replacement(&bytes[at..=at], &mut utf8, last);
        at += read;
        pending += read;
        let decoded = std::str::from_utf8(&utf8[..written]).unwrap_or_default();
        pending = emit(decoded, pending, &mut text, map);
        if let DecoderResult::Malformed(_, behind) = result {
            // The decoder holds back what it has read behind the bad bytes.
            let behind = usize::from(behind).min(pending);
            text.push(char::REPLACEMENT_CHARACTER);
            map.push_char(pending - behind, char::REPLACEMENT_CHARACTER.len_utf8());
            if encoding == ISO_2022_JP {
                pending = behind;
            } else {
                // No other encoding remembers anything from one character to the next: these bytes are read again.
                decoder = encoding.new_decoder_without_bom_handling();
                at -= behind;
                pending = 0;
            }
        }
    }
    if pending > 0 {
        map.skip(pending);
    }
    text
}

/// Records what `pending` bytes became; returns how many bytes still wait for their character.
fn emit(decoded: &str, pending: usize, text: &mut String, map: &mut OffsetMap) -> usize {
    let mut left = pending;
    for c in decoded.chars() {
        map.push_char(left, c.len_utf8());
        left = 0;
    }
    text.push_str(decoded);
    left
}

/// `ascii` in the given encoding. Every encoding that is edited writes ASCII as itself but UTF-16.
pub(super) fn encode(ascii: &str, encoding: &'static Encoding) -> Vec<u8> {
    match encoding {
        e if e == UTF_16LE => ascii.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        e if e == UTF_16BE => ascii.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        _ => ascii.as_bytes().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::{BIG5, EUC_KR, GB18030, GBK, SHIFT_JIS, WINDOWS_1251};
    use proptest::prelude::*;

    fn detect(bytes: &[u8]) -> &'static Encoding {
        std::str::from_utf8(bytes).map_or_else(|_| detect_in_bytes(bytes), detect_in_text)
    }

    /// Decodes and checks that the bytes behind every marker are the marker.
    fn markers_are_found(bytes: &[u8], encoding: &'static Encoding, marker: &str) -> usize {
        let text = decode(bytes, encoding);
        let mut count = 0;
        for (at, _) in text.text.match_indices(marker) {
            let span = text.map.span(crate::text::Span::new(at, at + marker.len()));
            assert_eq!(&bytes[span.start..span.end], encode(marker, encoding), "{}", encoding.name());
            count += 1;
        }
        count
    }

    #[test]
    fn positions_lead_back_in_every_encoding() {
        let cases = [
            (GBK, "中文<img src=a.jpg>图片<img src=b.jpg>"),
            (GB18030, "𠀀<img src=a.jpg>中€<img src=b.jpg>"),
            (BIG5, "臺灣<img src=a.jpg>圖<img src=b.jpg>"),
            (SHIFT_JIS, "表ソ<img src=a.jpg>ｱ日本<img src=b.jpg>"),
            (EUC_KR, "한국<img src=a.jpg>어<img src=b.jpg>"),
            (WINDOWS_1251, "Привет<img src=a.jpg>мир<img src=b.jpg>"),
            (ISO_2022_JP, "日本<img src=a.jpg>語<img src=b.jpg>"),
        ];
        for (encoding, text) in cases {
            let (bytes, _, lossy) = encoding.encode(text);
            assert!(!lossy, "{}", encoding.name());
            assert_eq!(decode(&bytes, encoding).text, text, "{}", encoding.name());
            // Not from the first character on: the escape that ends a Japanese stretch of ISO-2022-JP counts to it.
            assert_eq!(markers_are_found(&bytes, encoding, "img src="), 2);
        }
    }

    #[test]
    fn utf_16_with_a_byte_order_mark_is_read_and_written() {
        for (mark, encoding) in [([0xFF, 0xFE], UTF_16LE), ([0xFE, 0xFF], UTF_16BE)] {
            let mut bytes = mark.to_vec();
            bytes.extend(encode("图😀<img src=a.jpg>", encoding));
            assert_eq!(detect(&bytes), encoding);
            assert_eq!(decode(&bytes, encoding).text, "图😀<img src=a.jpg>");
            assert_eq!(markers_are_found(&bytes, encoding, "<img src="), 1);
        }
    }

    #[test]
    fn bad_bytes_change_nothing_around_them() {
        let bytes = b"a\xFFb\xE4\xB8<img src=a.jpg>\xC3";
        assert_eq!(decode(bytes, UTF_8).text, "a\u{FFFD}b\u{FFFD}<img src=a.jpg>\u{FFFD}");
        assert_eq!(markers_are_found(bytes, UTF_8, "<img src="), 1);
        let gbk = b"\xD6\xD0\xFF<img src=a.jpg>\x81";
        assert_eq!(markers_are_found(gbk, GBK, "<img src="), 1);
        // What seems to be the second half of four bytes, and is not, stays where it is.
        assert_eq!(decode(b"\x952\"<img src=a.jpg>", GBK).text, "\u{FFFD}2\"<img src=a.jpg>");
        assert_eq!(markers_are_found(b"\x952\xFE\"<img src=a.jpg>", GB18030, "<img src="), 1);
    }

    #[test]
    fn the_encoding_is_declared_or_guessed() {
        let (gbk, ..) = GBK.encode("<meta charset=gb2312><p>中文的图片在这里，都不见了</p>");
        assert_eq!(detect(&gbk), GBK);
        let (gbk, ..) = GBK.encode("<meta http-equiv=Content-Type content='text/html; charset=GBK'>中文");
        assert_eq!(detect(&gbk), GBK);
        let (gbk, ..) = GBK.encode("中文的图片在这里，都不见了，这是没有声明编码的网页");
        assert_eq!(detect(&gbk), GBK);
        assert_eq!(detect("<meta charset=gbk>中文".as_bytes()), UTF_8);
        assert_eq!(detect(b"\xEF\xBB\xBF---"), UTF_8);
        let mut dirty = "中文网页里面有一个坏字节".repeat(3).into_bytes();
        dirty.push(0xFF);
        assert_eq!(detect(&dirty), UTF_8);
        let (sjis, ..) = SHIFT_JIS.encode("@charset \"Shift_JIS\"; a{content:'表'}");
        assert_eq!(detect(&sjis), SHIFT_JIS);
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_encoding_map_inside_the_file(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for encoding in [UTF_8, UTF_16LE, GBK, GB18030, BIG5, SHIFT_JIS, EUC_KR, ISO_2022_JP, WINDOWS_1251] {
                let text = decode(&bytes, encoding);
                let legacy = encoding.output_encoding() == encoding && encoding != ISO_2022_JP;
                if legacy && Encoding::for_bom(&bytes).is_none() {
                    prop_assert_eq!(&text.text, &encoding.decode_without_bom_handling(&bytes).0);
                }
                let mut last = 0;
                for (at, _) in text.text.char_indices() {
                    let raw = text.map.to_raw(at);
                    prop_assert!(raw >= last && raw <= bytes.len());
                    last = raw;
                }
                prop_assert!(text.map.to_raw(text.text.len()) <= bytes.len());
            }
        }
    }
}
