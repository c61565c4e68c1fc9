//! `imgmirror explain`: how a URL is peeled, rule by rule, or what became of the references of a document.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use encoding_rs::UTF_8;
use url::Url;

use super::{Outcome, Usage, collecting_of, warn};
use crate::cli::{Exit, ExplainArgs};
use crate::mirror::Layout;
use crate::mirror::catalog::{Catalog, ReferenceState};
use crate::pipeline::Collecting;
use crate::proxy::{Rules, Witnesses};
use crate::sanitize;
use crate::target::{self, Place};

pub(super) fn run(args: &ExplainArgs) -> Outcome {
    let mut collecting = collecting_of(&args.documents, None)?;
    let catalog = Layout::new(&args.output).catalog();
    let catalog = if catalog.exists() { Some(Catalog::open_existing(&catalog)?) } else { None };
    for rule in catalog.iter().flat_map(Catalog::learned_proxies).flatten() {
        if let Ok(learned) = serde_json::from_str(&rule) {
            collecting.rules.learn(&learned);
        }
    }
    let (text, exit) = match args.subject.as_deref() {
        _ if args.rules => (rules(), Exit::Complete),
        None => (rules(), Exit::Complete),
        Some(subject) if is_url(subject) => (url(&collecting, &subject.to_string_lossy())?, Exit::Complete),
        Some(subject) => document(catalog.as_ref(), &collecting, Path::new(subject))?,
    };
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(exit),
    }
}

fn is_url(subject: &OsStr) -> bool {
    let text = subject.to_string_lossy();
    text.contains("://") || text.starts_with("//")
}

fn rules() -> String {
    let mut text = String::from("Proxies that are peeled off, each with an example:\n\n");
    let width = Rules::families().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, example) in Rules::families() {
        let _ = writeln!(text, "  {name:width$}  {example}");
    }
    text
}

/// The chain from a URL as written to what is asked for.
fn url(collecting: &Collecting, written: &str) -> anyhow::Result<String> {
    let place = Place { base: collecting.base_url.as_ref(), encoding: UTF_8 };
    let target = target::resolve(written.trim(), place, &collecting.rules).map_err(|skip| {
        let shown = sanitize::url(sanitize::for_terminal_limited(written, 200));
        Usage(format!("{shown} is nothing to fetch ({})", skip.as_str()))
    })?;
    let mut text = format!("{}\n", sanitize::url(written));
    if target.proxies.is_empty() {
        text.push_str("  no rule applies: it is asked for as it is\n");
    }
    for (step, number) in target.proxies.iter().zip(1..) {
        let _ = writeln!(text, "  {number}. {}", sanitize::for_terminal(&step.rule));
        let _ = writeln!(text, "     → {}", sanitize::url(&step.inner));
    }
    let _ = writeln!(text, "\ntarget   {}", sanitize::url(target.url.as_str()));
    for (source, number) in target.sources().zip(1..) {
        let _ = writeln!(text, "source {number} {}", sanitize::url(source));
    }
    if let Some(hint) = &target.hint {
        let _ = writeln!(text, "referer  {} (from the proxy's URL)", sanitize::url(hint));
    }
    Ok(text)
}

/// What the mirror knows of a document's references; without a mirror, what they stand for.
fn document(catalog: Option<&Catalog>, collecting: &Collecting, path: &Path) -> anyhow::Result<(String, Exit)> {
    let mut known = None;
    if let Some(catalog) = catalog {
        let canonical = path.canonicalize().or_else(|_| std::path::absolute(path))?;
        for source in [std::path::absolute(path)?, canonical] {
            known = known.or(catalog.document_at(&source, path)?);
        }
    }
    let Some((catalog, document)) = catalog.zip(known) else {
        return Ok((unmirrored(collecting, path)?, Exit::Complete));
    };
    let mut states = Vec::new();
    catalog.reference_states(document, &mut |state| states.push(state))?;
    let missing = states.iter().filter(|state| state.is_missing()).count();
    let mut text = format!("{}\n", sanitize::path(path));
    for state in &states {
        let _ = writeln!(text, "  {}", line(state));
    }
    let _ = writeln!(text, "\n{} references, {missing} missing", states.len());
    Ok((text, if missing == 0 { Exit::Complete } else { Exit::SomeMissing }))
}

fn line(state: &ReferenceState) -> String {
    let at = format!("{:>8} {}", state.start, sanitize::for_terminal(&state.slot));
    let target = state.target.as_deref().map(sanitize::url).unwrap_or_default();
    match (&state.blob, &state.skip, &state.failure) {
        (Some(blob), ..) => format!("{at} mirrored {target} → {}", blob.name()),
        (None, Some(skip), _) => {
            format!("{at} skipped ({skip}) {}", sanitize::for_terminal_limited(&state.raw, 120))
        }
        (None, None, Some((kind, detail))) => {
            format!("{at} missing ({kind}) {target}: {}", sanitize::for_terminal_limited(detail, 200))
        }
        (None, None, None) => format!("{at} missing (not tried yet) {target}"),
    }
}

fn unmirrored(collecting: &Collecting, path: &Path) -> anyhow::Result<String> {
    use anyhow::Context as _;
    let document = collecting.open(path).with_context(|| sanitize::path(path))?;
    let mut text = format!("{} is not in a mirror yet; its references:\n", sanitize::path(path));
    let facts = collecting.mentions(path, &document, &mut Witnesses::new(), &mut |mention| {
        let at = format!("{:>8} {}", mention.reference.span.start, mention.reference.slot);
        let _ = match &mention.outcome {
            Ok(target) => writeln!(text, "  {at} {}", sanitize::url(target.url.as_str())),
            Err(skip) => writeln!(
                text,
                "  {at} skipped ({}) {}",
                skip.as_str(),
                sanitize::for_terminal_limited(&mention.reference.url, 120)
            ),
        };
    });
    facts.warnings.iter().for_each(|warning| warn(path, warning));
    let _ =
        writeln!(text, "base     {}", facts.base.as_ref().map_or("none".to_owned(), |url: &Url| sanitize::url(url)));
    Ok(text)
}
