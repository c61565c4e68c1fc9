//! Pictures over HTTP.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use axum::http::{HeaderMap, StatusCode, header};

use super::reply::{Content, Keep, Policy, Reply};
use crate::media_type::MediaType;
use crate::mirror::catalog::PictureRow;
use crate::page::{Bytes, Picture, svg};

/// The picture that `row` tells of, from the folder of the blobs; `None` when its file is not there.
///
/// Drawings are answered without what could act in them, as pages show them.
///
/// # Errors
/// Those of reading the file.
pub fn of_blob(row: &PictureRow, assets: &Path, headers: &HeaderMap) -> io::Result<Option<Reply>> {
    let Some(file) = within(&assets.join(row.blob.name()), assets) else { return Ok(None) };
    if row.blob.media_type == MediaType::Svg {
        return Ok(svg::harmless(Picture::of_blob(row, file)).map(of_page));
    }
    let mut file = File::open(file)?;
    let length = file.metadata()?.len();
    let etag = format!("\"{}\"", row.blob.digest);
    let reply = |status, content| {
        let name = row.blob.name();
        let name = name.rsplit('/').next().unwrap_or_default();
        let mut reply = Reply::new(status, Policy::Inert, row.blob.media_type.essence(), content)
            .with(header::CONTENT_DISPOSITION, format!("inline; filename=\"{name}\""))
            .with(header::ACCEPT_RANGES, "bytes")
            .with(header::ETAG, etag.clone());
        reply.keep = Keep::Forever;
        reply
    };
    if is_known(headers, &etag) {
        return Ok(Some(reply(StatusCode::NOT_MODIFIED, Content::None)));
    }
    let (status, start, end) = match range(headers, &etag, length) {
        Range::Whole => (StatusCode::OK, 0, length),
        Range::Part(start, end) => (StatusCode::PARTIAL_CONTENT, start, end),
        Range::Beyond => {
            let beyond = reply(StatusCode::RANGE_NOT_SATISFIABLE, Content::Bytes(Vec::new()));
            return Ok(Some(beyond.with(header::CONTENT_RANGE, format!("bytes */{length}"))));
        }
    };
    file.seek(SeekFrom::Start(start))?;
    let write = move |out: &mut dyn io::Write| copy_exactly(&mut file.take(end - start), end - start, out);
    let whole = reply(status, Content::Stream(end - start, Box::new(write)));
    Ok(Some(match status {
        StatusCode::PARTIAL_CONTENT => whole.with(header::CONTENT_RANGE, format!("bytes {start}-{}/{length}", end - 1)),
        _ => whole,
    }))
}

/// A picture that only its page knows, or that was made anew for it.
pub fn of_page(picture: Picture) -> Reply {
    let Picture { blob, length, bytes, .. } = picture;
    let content = match bytes {
        Bytes::Inline(bytes) => Content::Bytes(bytes.to_vec()),
        Bytes::File(path) => Content::Stream(
            length,
            Box::new(move |out| copy_exactly(&mut File::open(&path)?.take(length), length, out)),
        ),
    };
    Reply::new(StatusCode::OK, Policy::Inert, blob.media_type.essence(), content).with(
        header::CONTENT_DISPOSITION,
        format!("inline; filename=\"{}.{}\"", blob.digest, blob.media_type.extension()),
    )
}

/// What was announced and is not there is an error: the answer must not look whole.
pub fn copy_exactly(from: &mut dyn io::Read, length: u64, to: &mut dyn io::Write) -> io::Result<()> {
    match io::copy(from, to)? == length {
        true => Ok(()),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// A regular file in a folder, without links that lead out of it.
pub fn within(path: &Path, folder: &Path) -> Option<std::path::PathBuf> {
    let (path, folder) = (path.canonicalize().ok()?, folder.canonicalize().ok()?);
    (path.starts_with(&folder) && path.is_file()).then_some(path)
}

/// RFC 9110 section 13.1.2.
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let lists = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    lists
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.trim_start_matches("W/") == etag)
}

#[derive(Debug, PartialEq, Eq)]
enum Range {
    Whole,
    /// From the first byte to behind the last.
    Part(u64, u64),
    Beyond,
}

/// One range of bytes (RFC 9110 section 14.2). A server may answer all else with the whole.
fn range(headers: &HeaderMap, etag: &str, length: u64) -> Range {
    let value = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if value(header::IF_RANGE).is_some_and(|known| known != etag) {
        return Range::Whole;
    }
    let asked =
        value(header::RANGE).and_then(|range| range.strip_prefix("bytes=")).and_then(|range| range.split_once('-'));
    let Some((first, last)) = asked else { return Range::Whole };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = |text: &str| if is_number(text) { text.parse::<u64>().ok() } else { None };
    match (number(first), number(last)) {
        (Some(first), _) if first >= length => Range::Beyond,
        (Some(first), None) if last.is_empty() => Range::Part(first, length),
        (Some(first), Some(last)) if first <= last => Range::Part(first, last.saturating_add(1).min(length)),
        (None, Some(count)) if first.is_empty() && count > 0 && length > 0 => {
            Range::Part(length.saturating_sub(count), length)
        }
        (None, Some(_)) if first.is_empty() => Range::Beyond,
        _ => Range::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_answered_and_all_else_is_the_whole() {
        let table = [
            ("bytes=0-3", Range::Part(0, 4)),
            ("bytes=4-", Range::Part(4, 10)),
            ("bytes=9-99", Range::Part(9, 10)),
            ("bytes=-3", Range::Part(7, 10)),
            ("bytes=-99", Range::Part(0, 10)),
            ("bytes=0-18446744073709551615", Range::Part(0, 10)),
            ("bytes=10-", Range::Beyond),
            ("bytes=-0", Range::Beyond),
            ("bytes=3-2", Range::Whole),
            ("bytes=0-1,3-4", Range::Whole),
            ("bytes=-", Range::Whole),
            ("bytes=+1-2", Range::Whole),
            ("bytes=a-b", Range::Whole),
            ("lines=0-1", Range::Whole),
        ];
        for (given, expected) in table {
            let headers = HeaderMap::from_iter([(header::RANGE, given.parse().unwrap())]);
            assert_eq!(range(&headers, "\"e\"", 10), expected, "{given}");
        }
        let headers = [(header::RANGE, "bytes=0-3".parse().unwrap()), (header::IF_RANGE, "\"other\"".parse().unwrap())];
        assert_eq!(range(&HeaderMap::from_iter(headers), "\"e\"", 10), Range::Whole);
    }
}
