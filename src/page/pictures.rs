//! Which picture an element shows, when a page has no scripts to decide it.

use scraper::node::Element as Source;

use super::lookup::{Found, Lookup};
use super::node::{Bytes, Picture};
use crate::collect::lazy::{self, Attributes, Reading};
use crate::collect::srcset;
use crate::media_type::MediaType;

/// Pictures this small, in pixels, hold a place for another one.
const PLACEHOLDER: u32 = 4;

/// Pictures in `data:` URLs that are shorter than this, in bytes, are blank or a blur.
const SMALL: u64 = 1000;

/// Words in the names of attributes that hold another size of a picture, not the picture itself.
const VARIANTS: [&str; 23] = [
    "large",
    "full",
    "zoom",
    "big",
    "hi-res",
    "high-res",
    "hires",
    "retina",
    "2x",
    "medium",
    "small",
    "low",
    "thumb",
    "poster",
    "watermark",
    "old",
    "lqip",
    "fallback",
    "hover",
    "error",
    "preview",
    "share",
    "loading",
];

/// Words in the names of attributes whose value a script puts into `src`.
const LAZY: [&str; 11] = ["src", "original", "lazy", "echo", "file", "url", "actual", "real", "bpic", "img", "image"];

/// What an element turned out to show.
#[derive(Debug, Default)]
pub struct Choice {
    /// The picture to show.
    pub shown: Option<Picture>,
    /// The held candidates of its `srcset`, each with its descriptor, when `shown` came from there or from `src`.
    pub candidates: Vec<(Picture, String)>,
    /// URL and reason of what should be shown, where nothing is held.
    pub missing: Option<(String, String)>,
    /// Everything that the element names, shown or not.
    pub seen: Vec<Found>,
}

impl Attributes for Source {
    fn get(&self, name: &str) -> Option<&str> {
        self.attr(name)
    }
}

/// Chooses what an element like `img` shows: what a script would put in place, else `src`, else the largest of
/// `srcset`, else whatever else it names.
pub fn choose(name: &str, element: &Source, lookup: &Lookup<'_>) -> anyhow::Result<Choice> {
    let (mut lazy, mut src, mut variants) = (Vec::new(), None, Vec::new());
    let (mut own_set, mut lazy_set) = (Vec::new(), Vec::new());
    let mut choice = Choice::default();
    for (attribute, value) in element.attrs() {
        let reading =
            lazy::reading(name, attribute, element).and_then(|reading| lazy::by_value(reading, attribute, value));
        match reading {
            Some(Reading::Srcset | Reading::ImageSrcset) => {
                let set = candidates(value, lookup)?;
                choice.seen.extend(set.iter().map(|(found, _)| found.clone()));
                if attribute == "srcset" { own_set = set } else { lazy_set.extend(set) }
            }
            Some(Reading::Url | Reading::ImageUrl | Reading::AbsoluteImageUrl) => {
                if reading != Some(Reading::Url) && !is_picture(value) {
                    continue;
                }
                let found = lookup.find(value)?;
                choice.seen.push(found.clone());
                match attribute {
                    "src" => src = Some(found),
                    _ if VARIANTS.iter().any(|word| attribute.contains(word)) => variants.push(found),
                    _ if LAZY.iter().any(|word| attribute.contains(word)) => lazy.push(found),
                    _ => variants.push(found),
                }
            }
            _ => {}
        }
    }
    let own = src.iter().all(is_placeholder) && lazy_set.iter().any(|(found, _)| held(found).is_some());
    let set = if own || own_set.is_empty() { lazy_set } else { own_set };
    decide(&mut choice, &lazy, src, set, &variants);
    Ok(choice)
}

fn decide(choice: &mut Choice, lazy: &[Found], src: Option<Found>, set: Vec<(Found, String)>, variants: &[Found]) {
    let real = |found: &Found| held(found).filter(|_| !is_placeholder(found));
    let by_script = lazy.iter().find_map(real);
    // Where widths are given, `src` is for browsers that know no `srcset`.
    let has_widths = set.iter().any(|(found, descriptor)| descriptor.ends_with('w') && held(found).is_some());
    let by_set = largest(&set).filter(|_| has_widths);
    let by_source = by_set.or_else(|| src.as_ref().and_then(real));
    let from_script = by_script.is_some();
    choice.shown = by_script.or(by_source).or_else(|| largest(&set)).or_else(|| variants.iter().find_map(real));
    if choice.shown.is_none() {
        let wanted = lazy.iter().chain(&src).chain(set.iter().map(|(found, _)| found)).chain(variants);
        choice.missing = wanted.clone().find_map(|found| match found {
            Found::Missing { url, reason } => Some((url.clone(), reason.clone())),
            _ => None,
        });
        // A tiny picture is one all the same, where nothing else was meant.
        choice.shown = if choice.missing.is_some() { None } else { wanted.filter_map(held).next() };
    }
    if choice.shown.is_some() && !(from_script && src.is_some()) {
        choice.candidates = consistent(set);
    }
}

/// The URLs of a `srcset`, each with its descriptor.
fn candidates(value: &str, lookup: &Lookup<'_>) -> anyhow::Result<Vec<(Found, String)>> {
    let mut all = Vec::new();
    for span in srcset::candidates(value) {
        let url = &value[span.start..span.end];
        let behind = if value[span.end..].starts_with(',') { "" } else { &value[span.end..] };
        let descriptor = behind.split(',').next().unwrap_or_default().trim();
        all.push((lookup.find(url)?, descriptor.to_owned()));
    }
    Ok(all)
}

/// The candidates that are held and that a browser would take together: all with widths, or all with densities
/// (WHATWG HTML 4.8.4.2.2). One alone says no more than `src`.
fn consistent(set: Vec<(Found, String)>) -> Vec<(Picture, String)> {
    let unit = |descriptor: &str| descriptor.strip_suffix(['w', 'x']).map(|_| descriptor.chars().last());
    let is_number =
        |descriptor: &str| descriptor[..descriptor.len() - 1].parse::<f64>().is_ok_and(|number| number > 0.0);
    let mut kept: Vec<(Picture, String)> = Vec::new();
    for (found, descriptor) in set {
        let descriptor = if descriptor.is_empty() { "1x".to_owned() } else { descriptor };
        let Some(picture) = held(&found) else { continue };
        let same_unit = kept.first().is_none_or(|(_, first)| unit(first) == unit(&descriptor));
        let is_new = kept.iter().all(|(_, known)| *known != descriptor);
        if unit(&descriptor).is_some() && is_number(&descriptor) && same_unit && is_new && is_shown(&picture) {
            kept.push((picture, descriptor));
        }
    }
    if kept.len() < 2 { Vec::new() } else { kept }
}

fn largest(set: &[(Found, String)]) -> Option<Picture> {
    let size = |descriptor: &str| descriptor.trim_end_matches(['w', 'x']).parse::<f64>().unwrap_or(1.0);
    let held = set.iter().filter_map(|(found, descriptor)| Some((held(found)?, size(descriptor))));
    held.max_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(picture, _)| picture)
}

fn held(found: &Found) -> Option<Picture> {
    match found {
        Found::Held(picture) => Some(picture.clone()),
        _ => None,
    }
}

/// Whether what was found only holds the place of a picture.
fn is_placeholder(found: &Found) -> bool {
    match found {
        Found::Held(Picture { dimensions: Some((width, height)), .. }) if (*width).max(*height) <= PLACEHOLDER => true,
        Found::Held(picture) => matches!(picture.bytes, Bytes::Inline(_)) && picture.length < SMALL,
        Found::Missing { .. } | Found::Nothing => true,
    }
}

/// Whether the value of an attribute that may hold anything is the URL of a picture.
pub fn is_picture(value: &str) -> bool {
    let value = value.trim();
    crate::collect::value::blob_name(value).is_some() || lazy::names_image(value)
}

/// Whether browsers show pictures of this type.
pub fn is_shown(picture: &Picture) -> bool {
    !matches!(picture.blob.media_type, MediaType::Heic | MediaType::Jxl | MediaType::Tiff)
}
