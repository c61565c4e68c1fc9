//! Where documents and pictures go, and how the one names the other.

use std::io;
use std::path::{Component, Path, PathBuf};

use crate::mirror::Layout;
use crate::mirror::catalog::{Catalog, PlacementRow};
use crate::mirror::store::Blob;
use crate::rewrite::{path_to_url, url_safe};
use crate::sanitize;

/// A run would put its pictures elsewhere than those of the documents on record. One catalog knows of one place.
#[derive(Debug, thiserror::Error)]
#[error(
    "the mirror in {} has documents whose pictures lie in {}, and this run would put pictures into {}; nothing was written. \
     Use another output with -o", sanitize::path(.output), sanitize::path(.last), sanitize::path(.now)
)]
pub struct AnotherPlace {
    output: PathBuf,
    last: PathBuf,
    now: PathBuf,
}

/// Refuses a run whose pictures go to another place than those that documents on record name.
pub(super) fn refuse_another(
    catalog: &Catalog,
    row: &PlacementRow,
    layout: &Layout,
    output: &Path,
) -> anyhow::Result<()> {
    let Some(last) = catalog.placement()? else { return Ok(()) };
    let (before, now) = (last.assets(layout), row.assets(layout));
    let is_same = match (before.canonicalize(), now.canonicalize()) {
        (Ok(before), Ok(now)) => before == now,
        _ => normal(&std::path::absolute(&before)?) == normal(&std::path::absolute(&now)?),
    };
    // A site that was moved as a whole took its pictures along.
    let has_moved = !before.is_dir() && last.documents == row.documents;
    if (last.documents == row.documents && (is_same || has_moved)) || !catalog.has_documents(last.documents)? {
        return Ok(());
    }
    Err(AnotherPlace { output: output.to_owned(), last: before, now }.into())
}

/// Which files are rewritten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// Copies below the mirror's documents/; the inputs stay as they are.
    Mirror,
    /// The inputs themselves; pictures go to a folder of the site.
    InPlace { assets: PathBuf },
}

/// How a document names a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Links {
    /// By a prefix (`/images/mirror/`), the same in every document.
    Prefix(String),
    /// By the way from a document below documents/ to the mirror's assets/.
    WithinMirror,
    /// By the way from a document's own folder to this one, which is absolute.
    To(PathBuf),
}

impl Links {
    /// `--link-base`, with the slash at its end that it may lack.
    pub fn prefix(link_base: &str) -> Self {
        let slash = if link_base.ends_with('/') { "" } else { "/" };
        Links::Prefix(format!("{}{slash}", url_safe(link_base)))
    }

    /// By the way from each document to `assets`.
    ///
    /// # Errors
    /// The current folder cannot be told, which a relative path needs.
    pub fn to_folder(assets: &Path) -> io::Result<Self> {
        Ok(Links::To(normal(&std::path::absolute(assets)?)))
    }

    /// Whether a base that a document sets would lead its links astray.
    pub fn depend_on_base(&self) -> bool {
        !matches!(self, Links::Prefix(prefix) if prefix.contains("://") || prefix.starts_with("//"))
    }

    /// The URL of `blob` for the document at `path` (below documents/) that was read from `source`.
    pub fn to(&self, path: &Path, source: &Path, blob: &Blob) -> String {
        let name = blob.name();
        match self {
            Links::Prefix(prefix) => format!("{prefix}{name}"),
            Links::WithinMirror => {
                let depth = path.components().count();
                ["../".repeat(depth).as_str(), "assets/", &name].concat()
            }
            Links::To(assets) => {
                let folder = std::path::absolute(source).unwrap_or_else(|_| source.to_owned());
                let folder = folder.parent().unwrap_or(Path::new("/"));
                let way = way(&normal(folder), assets);
                format!("{}/{name}", path_to_url(&way))
            }
        }
    }
}

/// The absolute path without links, as far as it is there already.
///
/// # Errors
/// The current folder is not to be had.
pub fn real(path: &Path) -> io::Result<PathBuf> {
    let path = normal(&std::path::absolute(path)?);
    for there in path.ancestors() {
        if let (Ok(real), Ok(rest)) = (there.canonicalize(), path.strip_prefix(there)) {
            return Ok(real.join(rest));
        }
    }
    Ok(path)
}

/// A path without `.` and `..`, as far as its text tells.
pub fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

/// The relative way from one absolute folder to another, with `/` between the names. Begins with `./` where it goes
/// down, so that a name with a colon is not taken for a scheme.
fn way(from: &Path, to: &Path) -> String {
    let shared = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().count() - shared;
    let mut names = vec![".."; up];
    let down: Vec<_> = to.components().skip(shared).map(|part| part.as_os_str().to_string_lossy()).collect();
    names.extend(down.iter().map(|name| name.as_ref()));
    if up == 0 { format!("./{}", names.join("/")).trim_end_matches('/').to_owned() } else { names.join("/") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media_type::MediaType;

    fn blob() -> Blob {
        Blob { digest: "ab".repeat(32).parse().unwrap(), media_type: MediaType::Jpeg }
    }

    fn name() -> String {
        format!("ab/{}.jpg", "ab".repeat(32))
    }

    #[test]
    fn documents_of_a_mirror_climb_to_its_assets() {
        let to = |path: &str| Links::WithinMirror.to(Path::new(path), Path::new("x"), &blob());
        assert_eq!(to("a.html"), format!("../assets/{}", name()));
        assert_eq!(to("2021/06/a.html"), format!("../../../assets/{}", name()));
    }

    #[test]
    fn a_site_has_one_prefix() {
        let links = Links::prefix("/my images/it's");
        assert_eq!(links.to(Path::new("a"), Path::new("a"), &blob()), format!("/my%20images/it%27s/{}", name()));
        assert!(links.depend_on_base());
        assert!(!Links::prefix("https://cdn.example/x/").depend_on_base());
    }

    #[test]
    fn in_place_links_lead_from_the_document_to_the_pictures() {
        let to = |assets: &str, source: &str| Links::To(assets.into()).to(Path::new("a"), Path::new(source), &blob());
        assert_eq!(to("/site/pics", "/site/posts/a.md"), format!("../pics/{}", name()));
        assert_eq!(to("/site/posts/my pics", "/site/posts/a.md"), format!("./my%20pics/{}", name()));
        assert_eq!(to("/site/posts", "/site/posts/a.md"), format!("./{}", name()));
        assert_eq!(to("/site/pics", "/site/posts/../x/a.md"), format!("../pics/{}", name()));
    }
}
