//! Names what came instead of an image, for the person who reads the report. Decides nothing.

/// Signatures of what servers send in place of pictures: position, bytes, and what to call it.
const SIGNATURES: &[(usize, &[u8], &str)] = &[
    (0, b"%PDF-", "PDF document"),
    (0, b"PK\x03\x04", "ZIP archive"),
    (0, b"PK\x05\x06", "empty ZIP archive"),
    (0, b"\x1F\x8B", "gzip-compressed data"),
    (0, b"BZh", "bzip2-compressed data"),
    (0, b"\xFD7zXZ\0", "xz-compressed data"),
    (0, b"\x28\xB5\x2F\xFD", "zstd-compressed data"),
    (0, b"7z\xBC\xAF\x27\x1C", "7z archive"),
    (0, b"Rar!\x1A\x07", "RAR archive"),
    (257, b"ustar", "tar archive"),
    (0, b"\x1A\x45\xDF\xA3", "Matroska or WebM video"),
    (0, b"FLV\x01", "Flash video"),
    (0, b"\0\0\x01\xBA", "MPEG video"),
    (0, b"\0\0\x01\xB3", "MPEG video"),
    (8, b"AVI ", "AVI video"),
    (8, b"WAVE", "WAV audio"),
    (0, b"OggS", "Ogg audio or video"),
    (0, b"ID3", "MP3 audio"),
    (0, b"fLaC", "FLAC audio"),
    (0, b"wOFF", "font"),
    (0, b"wOF2", "font"),
    (0, b"OTTO", "font"),
    (0, b"\0\x01\0\0\0", "font"),
    (0, b"8BPS", "Photoshop document, which browsers do not show"),
    (0, b"\0\0\0\x0CjP  ", "JPEG 2000 image, which browsers do not show"),
    (0, b"\xFF\x4F\xFF\x51", "JPEG 2000 image, which browsers do not show"),
    (0, b"%!PS", "PostScript document"),
    (0, b"\x7FELF", "program"),
    (0, b"SQLite format 3", "database"),
];

/// What a body is called that starts with `head`.
pub(super) fn describe(head: &[u8]) -> String {
    if head.iter().all(|&byte| byte == 0) {
        return "zero bytes".to_owned();
    }
    let signed = |(at, bytes, _): &&(usize, &[u8], &str)| head.get(*at..).is_some_and(|from| from.starts_with(bytes));
    if let Some((_, _, name)) = SIGNATURES.iter().find(signed) {
        return (*name).to_owned();
    }
    let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii();
    if text.iter().any(|&byte| byte < b' ' && !byte.is_ascii_whitespace() && byte != 0x1B) {
        return format!("unknown data that starts with {}", hex::encode(&head[..head.len().min(4)]));
    }
    match text {
        [] => "white space",
        [b'{', rest @ ..] if matches!(rest.trim_ascii_start(), [b'"' | b'}', ..]) => "JSON",
        [b'[', rest @ ..] if matches!(rest.trim_ascii_start(), [b'"' | b'{' | b'[' | b']' | b'0'..=b'9', ..]) => "JSON",
        _ => "text",
    }
    .to_owned()
}
