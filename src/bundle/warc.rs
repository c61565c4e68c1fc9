//! Records of a web archive: WARC 1.1 (ISO 28500:2017), one gzip member per record (its
//! "Compression recommendations").

use std::fs::File;
use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;

use super::packing::uuid;
use crate::mirror::digest::{Digest, Hasher};
use crate::page::Bytes;

/// What a record is (section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Warcinfo,
    Response,
    Revisit,
    Resource,
    Metadata,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Kind::Warcinfo => "warcinfo",
            Kind::Response => "response",
            Kind::Revisit => "revisit",
            Kind::Resource => "resource",
            Kind::Metadata => "metadata",
        }
    }
}

/// A record to write.
#[derive(Debug)]
pub struct Record<'r> {
    pub kind: Kind,
    /// Of warcinfo there is none.
    pub uri: Option<&'r str>,
    /// Written in whole seconds, as indexes have it.
    pub date: Timestamp,
    pub content_type: &'r str,
    /// Further fields.
    pub fields: Vec<(&'static str, String)>,
    /// What the block begins with: the head of an HTTP response.
    pub head: &'r [u8],
    pub payload: Payload<'r>,
}

/// What a block goes on with.
#[derive(Debug, Clone, Copy)]
pub enum Payload<'r> {
    /// Nothing: a revisit has the payload of another record.
    None,
    Text(&'r [u8]),
    /// A picture, with its digest.
    Picture(&'r Bytes, Digest),
}

/// Where a record is and what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// A URI in angle brackets.
    pub id: String,
    pub offset: u64,
    /// Packed, in bytes.
    pub length: u64,
}

/// Writes records one after another.
#[derive(Default)]
pub struct Writer {
    count: u64,
    offset: u64,
    whole: Hasher,
    warcinfo: Option<String>,
}

/// What a block is, before it is written.
struct Measured {
    length: u64,
    block: Digest,
    payload: Digest,
}

impl Writer {
    /// Writes a record to `out`, which has all earlier ones.
    ///
    /// # Errors
    /// Writing fails, or a picture cannot be read or has other bytes than its digest says.
    pub fn write(&mut self, record: &Record<'_>, out: &mut dyn Write) -> io::Result<Written> {
        let measured = measure(record)?;
        let id = self.id(record, &measured);
        let mut packed = Counted { out, count: 0, whole: &mut self.whole };
        let mut member = GzEncoder::new(&mut packed, Compression::fast());
        member.write_all(header(record, &measured, &id, self.warcinfo.as_deref()).as_bytes())?;
        member.write_all(record.head)?;
        let written = match record.payload {
            Payload::None => 0,
            Payload::Text(text) => member.write_all(text).map(|()| text.len() as u64)?,
            Payload::Picture(bytes, _) => bytes.copy_to(&mut member)?,
        };
        if written + record.head.len() as u64 != measured.length {
            return Err(io::Error::other("it changed while it was read"));
        }
        member.write_all(b"\r\n\r\n")?;
        member.finish()?;
        let length = packed.count;
        let offset = self.offset;
        self.offset += length;
        self.count += 1;
        if record.kind == Kind::Warcinfo {
            self.warcinfo = Some(id.clone());
        }
        Ok(Written { id, offset, length })
    }

    /// The digest of everything that was written, and how many bytes it was.
    pub fn finish(self) -> (Digest, u64) {
        (self.whole.digest(), self.offset)
    }

    /// A name for the record that nothing but what it says and its place has a part in.
    fn id(&self, record: &Record<'_>, measured: &Measured) -> String {
        let mut hasher = Hasher::default();
        hasher.update(&self.count.to_be_bytes());
        hasher.update(record.kind.as_str().as_bytes());
        hasher.update(record.uri.unwrap_or_default().as_bytes());
        hasher.update(&record.date.as_second().to_be_bytes());
        hasher.update(measured.block.as_bytes());
        format!("<{}>", uuid(hasher.digest().as_bytes()))
    }
}

/// The header of a record (section 4).
fn header(record: &Record<'_>, measured: &Measured, id: &str, warcinfo: Option<&str>) -> String {
    let mut header = format!("WARC/1.1\r\nWARC-Type: {}\r\nWARC-Record-ID: {id}\r\n", record.kind.as_str());
    let mut field = |name: &str, value: &str| {
        header.push_str(&format!("{name}: {}\r\n", value.replace(['\r', '\n'], " ")));
    };
    field("WARC-Date", &record.date.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    if let Some(uri) = record.uri {
        field("WARC-Target-URI", uri);
    }
    if let Some(warcinfo) = warcinfo {
        field("WARC-Warcinfo-ID", warcinfo);
    }
    for (name, value) in &record.fields {
        field(name, value);
    }
    field("WARC-Block-Digest", &format!("sha256:{}", measured.block));
    if matches!(record.kind, Kind::Response | Kind::Resource) {
        field("WARC-Payload-Digest", &format!("sha256:{}", measured.payload));
    }
    field("Content-Type", record.content_type);
    field("Content-Length", &measured.length.to_string());
    header.push_str("\r\n");
    header
}

fn measure(record: &Record<'_>) -> io::Result<Measured> {
    let mut block = Hasher::default();
    block.update(record.head);
    let mut length = record.head.len() as u64;
    let payload = match record.payload {
        Payload::None => Digest::of(b""),
        Payload::Text(text) => {
            block.update(text);
            length += text.len() as u64;
            Digest::of(text)
        }
        Payload::Picture(bytes, digest) => {
            let mut tee = |reader: &mut dyn Read| Digest::of_reader(Tee { reader, block: &mut block });
            let (found, count) = match bytes {
                Bytes::File(path) => tee(&mut File::open(path)?)?,
                Bytes::Inline(bytes) => tee(&mut &bytes[..])?,
            };
            if found != digest {
                return Err(io::Error::other("it has other bytes than its name says; run `imgmirror check`"));
            }
            length += count;
            found
        }
    };
    Ok(Measured { length, block: block.digest(), payload })
}

/// Hashes what is read.
struct Tee<'t> {
    reader: &'t mut dyn Read,
    block: &'t mut Hasher,
}

impl Read for Tee<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.block.update(&buffer[..count]);
        Ok(count)
    }
}

/// Counts and hashes what is written.
struct Counted<'o, 'h> {
    out: &'o mut dyn Write,
    count: u64,
    whole: &'h mut Hasher,
}

impl Write for Counted<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.whole.update(&bytes[..count]);
        self.count += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn record<'r>(head: &'r [u8], payload: Payload<'r>) -> Record<'r> {
        Record {
            kind: Kind::Response,
            uri: Some("https://p.example/a.png"),
            date: "2024-05-06T07:08:09.987Z".parse().unwrap(),
            content_type: "application/http;msgtype=response",
            fields: vec![("WARC-Refers-To", "a\r\nWARC-Type: x".to_owned())],
            head,
            payload,
        }
    }

    #[test]
    fn each_record_is_a_gzip_member_of_its_own_with_its_digests() {
        let picture = Bytes::Inline(Arc::from(&b"picture"[..]));
        let head = b"HTTP/1.1 200 OK\r\n\r\n";
        let (mut writer, mut out) = (Writer::default(), Vec::new());
        let one = writer.write(&record(head, Payload::Picture(&picture, Digest::of(b"picture"))), &mut out).unwrap();
        let two = writer.write(&record(head, Payload::Picture(&picture, Digest::of(b"picture"))), &mut out).unwrap();
        assert_eq!((one.offset, two.offset), (0, one.length));
        assert_ne!(one.id, two.id);
        let mut text = String::new();
        let member = &out[usize::try_from(two.offset).unwrap()..];
        flate2::read::GzDecoder::new(member).read_to_string(&mut text).unwrap();
        let expected = format!(
            "WARC/1.1\r\nWARC-Type: response\r\nWARC-Record-ID: {}\r\nWARC-Date: 2024-05-06T07:08:09Z\r\n\
             WARC-Target-URI: https://p.example/a.png\r\nWARC-Refers-To: a  WARC-Type: x\r\n\
             WARC-Block-Digest: sha256:{}\r\nWARC-Payload-Digest: sha256:{}\r\n\
             Content-Type: application/http;msgtype=response\r\nContent-Length: 26\r\n\r\n\
             HTTP/1.1 200 OK\r\n\r\npicture\r\n\r\n",
            two.id,
            Digest::of(b"HTTP/1.1 200 OK\r\n\r\npicture"),
            Digest::of(b"picture"),
        );
        assert_eq!(text, expected);
        assert_eq!(writer.finish(), (Digest::of(&out), out.len() as u64));
    }

    #[test]
    fn a_picture_with_other_bytes_than_its_name_says_is_refused() {
        let picture = Bytes::Inline(Arc::from(&b"damaged"[..]));
        let record = record(b"", Payload::Picture(&picture, Digest::of(b"picture")));
        let mut out = Vec::new();
        assert!(Writer::default().write(&record, &mut out).unwrap_err().to_string().contains("imgmirror check"));
        assert!(out.is_empty());
    }
}
