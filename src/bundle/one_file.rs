//! A document as one self-contained page: its pictures stand in it as `data:` URLs (RFC 2397).

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use base64::engine::general_purpose::STANDARD;
use base64::write::EncoderWriter;

use super::Bundle;
use super::names::{Names, upwards, url};
use super::tree::{Counter, copy};
use crate::mirror::create_new;
use crate::page::shell::{POLICY_OF_ONE_FILE, Shell, Style};
use crate::page::{Element, Links, Node, Page, Picture, Value};
use crate::sanitize;

const SHELL: Shell<'_> = Shell { style: Style::Inline, policy: Some(POLICY_OF_ONE_FILE), index: None };

/// A page that is being written; it takes one document.
pub struct OneFile<'a> {
    path: PathBuf,
    file: BufWriter<File>,
    neighbours: Neighbours<'a>,
}

/// The other documents, if they lie in files beside this one.
#[derive(Debug, Clone, Copy)]
pub enum Neighbours<'a> {
    None,
    /// Their names, and how this one's is.
    Named {
        names: &'a Names,
        own: &'a str,
    },
}

impl<'a> OneFile<'a> {
    pub fn create(path: &Path, neighbours: Neighbours<'a>) -> anyhow::Result<Self> {
        let file = create_new(path, 0o666).with_context(|| format!("making {}", sanitize::path(path)))?;
        Ok(OneFile { path: path.to_owned(), file: BufWriter::with_capacity(1 << 16, file), neighbours })
    }
}

impl Bundle for OneFile<'_> {
    fn add(&mut self, page: &Page) -> anyhow::Result<()> {
        let mut links = Embedded { neighbours: self.neighbours };
        SHELL
            .page(&with_one_source(page), &mut links, &mut self.file)
            .with_context(|| format!("writing {}", sanitize::path(&self.path)))
    }

    fn finish(self: Box<Self>) -> anyhow::Result<()> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error);
        file.and_then(|file| file.sync_all()).with_context(|| format!("writing {}", sanitize::path(&self.path)))
    }
}

/// How many bytes the page of a document will have. No picture is read for it.
pub fn size(page: &Page, neighbours: Neighbours<'_>) -> io::Result<u64> {
    let (mut links, mut text) = (Counted { neighbours, bytes: 0 }, Counter(0));
    SHELL.page(&with_one_source(page), &mut links, &mut text)?;
    Ok(links.bytes + text.0)
}

/// The page with one picture where readers could choose among several: each would be there in full.
fn with_one_source(page: &Page) -> Page {
    let mut page = page.clone();
    page.body = nodes(page.body);
    page
}

fn nodes(all: Vec<Node>) -> Vec<Node> {
    all.into_iter()
        .filter_map(|node| match node {
            Node::Element(element) => element_with_one_source(element).map(Node::Element),
            other => Some(other),
        })
        .collect()
}

fn element_with_one_source(mut element: Element) -> Option<Element> {
    let first = element.attributes.iter().find_map(|(_, value)| match value {
        Value::Candidates(candidates) => Some(candidates.first().map(|(picture, _)| picture.clone())),
        _ => None,
    });
    if let Some(first) = first {
        // A `source` is a choice; the `img` behind it stays.
        if element.name == "source" {
            return None;
        }
        element.attributes.retain(|(name, value)| !matches!(value, Value::Candidates(_)) && *name != "sizes");
        if let (false, Some(picture)) = (element.attributes.iter().any(|(name, _)| *name == "src"), first) {
            element.attributes.push(("src", Value::Picture(picture, None)));
        }
    }
    element.children = nodes(element.children);
    Some(element)
}

fn document(neighbours: Neighbours<'_>, path: &Path) -> Option<String> {
    match neighbours {
        Neighbours::None => None,
        Neighbours::Named { names, own } => Some(format!("{}{}", upwards(own), url(&names.linked(path)?))),
    }
}

fn prefix(picture: &Picture) -> String {
    format!("data:{};base64,", picture.blob.media_type.essence())
}

struct Embedded<'a> {
    neighbours: Neighbours<'a>,
}

impl Links for Embedded<'_> {
    fn picture(&mut self, picture: &Picture, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(prefix(picture).as_bytes())?;
        // The encoder takes part of what it is given only where `out` does, and a buffered file takes all.
        let mut coded = EncoderWriter::new(out, &STANDARD);
        copy(picture, &mut coded)?;
        coded.finish().map(drop)
    }

    fn document(&mut self, path: &Path) -> Option<String> {
        document(self.neighbours, path)
    }
}

/// Counts what pictures will take, and writes nothing.
struct Counted<'a> {
    neighbours: Neighbours<'a>,
    bytes: u64,
}

impl Links for Counted<'_> {
    fn picture(&mut self, picture: &Picture, _: &mut dyn Write) -> io::Result<()> {
        self.bytes += prefix(picture).len() as u64 + picture.length.div_ceil(3) * 4;
        Ok(())
    }

    fn document(&mut self, path: &Path) -> Option<String> {
        document(self.neighbours, path)
    }
}
