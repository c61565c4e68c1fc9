//! From a URL in a mirrored document to the picture that is held for it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use encoding_rs::Encoding;
use percent_encoding::percent_decode_str;
use url::Url;

use super::cards::is_outward;
use super::collection::{Collection, Entry};
use super::node::{Bytes, Picture};
use super::svg;
use crate::collect::value::{blob_name, is_inert};
use crate::fetch::FailureKind;
use crate::media_type::{self, MediaType};
use crate::mirror::catalog::AssetState;
use crate::mirror::digest::Digest;
use crate::mirror::store::Blob;
use crate::sanitize;
use crate::target::{Place, Skip, is_template, resolve};

/// The largest local file that is taken for a picture, in bytes.
const MAX_LOCAL: u64 = 64 << 20;

/// Of a picture that was held once.
const GONE: &str = "it was kept and is lost";

/// What a URL in a document stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Held(Picture),
    /// A picture that should be there, with its original URL and why it is not.
    Missing {
        url: String,
        reason: String,
    },
    /// No picture at all: a fragment, another scheme, a template.
    Nothing,
}

/// Finds what the URLs of one document stand for.
pub struct Lookup<'c> {
    pub(super) collection: &'c Collection,
    pub(super) entry: &'c Entry,
    /// Where relative URLs begin that the copy has left relative.
    pub(super) base: Option<Url>,
    pub(super) encoding: &'static Encoding,
    /// Drawings that were made anew: one that stands in a hundred places is one.
    pub(super) drawings: RefCell<HashMap<Digest, Option<Picture>>>,
}

impl Lookup<'_> {
    /// What a URL, decoded, stands for.
    pub fn find(&self, url: &str) -> anyhow::Result<Found> {
        let url = url.trim();
        if url.is_empty() {
            return Ok(Found::Nothing);
        }
        if let Some(data) = strip_scheme(url, "data:") {
            return Ok(inline(data).map_or(Found::Nothing, Found::Held));
        }
        if let Some((digest, _)) = blob_name(url).and_then(|name| name.split_once('.')) {
            return self.blob(url, digest);
        }
        let place = Place { base: self.base.as_ref(), encoding: self.encoding };
        match resolve(url, place, &self.collection.collecting.rules) {
            Ok(target) => self.asset(target.url.as_str()),
            Err(Skip::Relative | Skip::Local) => Ok(self.local(url)),
            Err(Skip::Scheme) if !is_inert(url) => {
                let reason = "its address has a meaning only where the document was written".to_owned();
                Ok(Found::Missing { url: sanitize::for_terminal_limited(url, 500).into_owned(), reason })
            }
            Err(_) => Ok(Found::Nothing),
        }
    }

    /// The name of the document of the collection that a link leads to, and what stands behind its `#`.
    pub fn document(&self, link: &str) -> Option<(std::path::PathBuf, Option<String>)> {
        let (path, fragment) = match link.split_once('#') {
            Some((path, fragment)) => (path, Some(fragment.to_owned())),
            None => (link, None),
        };
        let path = path.split('?').next().unwrap_or_default();
        if path.is_empty() || path.starts_with('/') || path.contains(':') {
            return None;
        }
        let path = percent_decode_str(path).decode_utf8().ok()?;
        self.collection.linked(self.entry, &path).map(|name| (name, fragment))
    }

    /// The absolute form of a URL that a person may follow out of the page, without credentials.
    pub fn outward(&self, link: &str) -> Option<String> {
        let link = link.trim();
        if link.is_empty() || is_template(link) {
            return None;
        }
        let url = match Url::parse(link) {
            Ok(url) => url,
            Err(_) if link.starts_with("//") => Url::parse(&format!("https:{link}")).ok()?,
            Err(_) => self.base.as_ref()?.join(link).ok()?,
        };
        let url = String::from(url);
        is_outward(&url).then(|| sanitize::without_credentials(&url).into_owned())
    }

    /// Calls `each` for the slot of every reference of the document and what it stands for, as the catalog has it.
    pub fn references(&self, each: &mut dyn FnMut(&str, Found)) -> anyhow::Result<()> {
        let mut states = Vec::new();
        self.collection.catalog.reference_states(self.entry.id(), &mut |state| {
            states.push((state.slot, state.blob, state.target, state.skip));
        })?;
        for (slot, blob, target, skip) in states {
            let found = match (blob, target, skip) {
                (Some(blob), ..) => self.held(blob.digest.as_bytes())?.map(Found::Held),
                (None, Some(target), None) => Some(self.asset(&target)?),
                _ => None,
            };
            if let Some(found) = found {
                each(&slot, found);
            }
        }
        Ok(())
    }

    fn blob(&self, url: &str, hex: &str) -> anyhow::Result<Found> {
        let mut digest = [0; 32];
        let is_digest = hex::decode_to_slice(hex, &mut digest).is_ok();
        if is_digest && let Some(picture) = self.held(&digest)? {
            return Ok(Found::Held(picture));
        }
        let target = self.collection.catalog.target_with(&digest)?;
        Ok(Found::Missing { url: sanitize::url(target.as_deref().unwrap_or(url)), reason: GONE.to_owned() })
    }

    /// The picture with these bytes, as far as the mirror knows it and has its file.
    fn held(&self, digest: &[u8; 32]) -> anyhow::Result<Option<Picture>> {
        let Some(row) = self.collection.catalog.picture(digest)? else { return Ok(None) };
        let file = self.collection.held(row.blob);
        if !file.is_file() {
            return Ok(None);
        }
        let picture = Picture::of_blob(&row, file);
        if row.blob.media_type != MediaType::Svg {
            return Ok(Some(picture));
        }
        Ok(self.drawings.borrow_mut().entry(row.blob.digest).or_insert_with(|| svg::harmless(picture)).clone())
    }

    fn asset(&self, target: &str) -> anyhow::Result<Found> {
        let missing = |reason: String| Found::Missing { url: sanitize::url(target), reason };
        Ok(match self.collection.catalog.asset_state(target)? {
            Some(AssetState::Held(digest)) => {
                self.held(digest.as_bytes())?.map_or_else(|| missing(GONE.to_owned()), Found::Held)
            }
            Some(AssetState::Failed(kind)) => missing(format!("{kind} ({})", told(&kind))),
            Some(AssetState::NotTried) => missing("it was not asked for yet".to_owned()),
            None => missing("it is not in the mirror".to_owned()),
        })
    }

    /// A picture that is a file beside the document, or somewhere else in the folder that was read. Links out of it,
    /// by `..` or by symbolic links, are not followed.
    fn local(&self, url: &str) -> Found {
        let missing = |reason: &str| Found::Missing {
            url: sanitize::for_terminal_limited(url, 500).into_owned(),
            reason: reason.to_owned(),
        };
        let Some((folder, root)) = self.collection.local(self.entry) else {
            return missing("a file beside the document, which is no longer there");
        };
        let path = url.split(['?', '#']).next().unwrap_or_default();
        let Ok(path) = percent_decode_str(path).decode_utf8() else { return missing("its name cannot be read") };
        let file = match path.strip_prefix('/') {
            Some(below) => root.join(below),
            None => folder.join(&*path),
        };
        let (Ok(file), Ok(root)) = (file.canonicalize(), root.canonicalize()) else {
            return missing("there is no such file beside the document");
        };
        if !file.starts_with(&root) {
            return missing("it lies outside of the folder that was read");
        }
        match read_local(&file) {
            Some(picture) => Found::Held(picture),
            None => missing("the file beside the document is no picture"),
        }
    }
}

/// What a kind of failure means to a reader. How it came about is for the owner of the mirror.
fn told(kind: &str) -> &'static str {
    use FailureKind::*;
    let Some(kind) = FailureKind::from_word(kind) else { return "it could not be had" };
    match kind {
        Gone => "its server no longer has it",
        Forbidden => "its server does not hand it out",
        Throttled => "its server asked to be left alone",
        ServerError => "its server had an error",
        Timeout | Connection => "its server did not answer",
        Tls => "its server could not be trusted",
        Dns => "its server was not found",
        Redirects => "its address leads in circles",
        Truncated => "its server sent only a part of it",
        TooLarge => "it is too large",
        NotAnImage => "its server sent something else",
        Empty => "its server sent nothing",
        Placeholder => "its server sent a stand-in",
        BadUrl => "its address cannot be read",
        OutOfScope => "its address was not to be asked",
        Disk => "it could not be stored",
    }
}

fn read_local(path: &Path) -> Option<Picture> {
    let metadata = path.metadata().ok().filter(|metadata| metadata.is_file() && metadata.len() <= MAX_LOCAL)?;
    let mut file = File::open(path).ok()?;
    let inspected = media_type::inspect(&mut file, metadata.len()).ok()?.ok()?;
    let (digest, length) = Digest::of_reader(File::open(path).ok()?.take(MAX_LOCAL)).ok()?;
    svg::harmless(Picture {
        blob: Blob { digest, media_type: inspected.media_type },
        held: digest,
        length,
        dimensions: inspected.dimensions,
        bytes: Bytes::File(path.to_owned()),
    })
}

/// The picture of a `data:` URL (RFC 2397), given what stands behind the scheme.
pub fn inline(data: &str) -> Option<Picture> {
    // Padding is optional (WHATWG Infra, "forgiving-base64 decode").
    const FORGIVING: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    let (kind, payload) = data.split_once(',')?;
    let decoded: Vec<u8> = percent_decode_str(payload).collect();
    let is_base64 = kind.rsplit(';').next().is_some_and(|last| last.trim().eq_ignore_ascii_case("base64"));
    let bytes = if is_base64 {
        let packed: Vec<u8> = decoded.into_iter().filter(|byte| !byte.is_ascii_whitespace()).collect();
        FORGIVING.decode(packed).ok()?
    } else {
        decoded
    };
    svg::data_of(bytes).and_then(svg::harmless)
}

fn strip_scheme<'u>(url: &'u str, scheme: &str) -> Option<&'u str> {
    let start = url.get(..scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then(|| &url[scheme.len()..])
}
