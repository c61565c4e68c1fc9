//! `imgmirror links`: every reference of the documents, one a line. Uses no network and writes no file.

use std::io::{self, BufWriter, Read as _, Write};
use std::path::Path;

use serde::Serialize;

use super::{Outcome, collecting_of, warn};
use crate::cli::{Exit, LinksArgs};
use crate::collect::Slot;
use crate::input::{Discovery, Entry, Input, Options, Results, discover};
use crate::pipeline::{Collecting, Mention};
use crate::proxy::Witnesses;
use crate::sanitize;

/// One line of `links --json`.
#[derive(Debug, Serialize)]
struct Line<'a> {
    document: &'a str,
    /// From 1.
    line: usize,
    /// Characters, from 1.
    column: usize,
    /// Byte offsets into the file.
    start: usize,
    end: usize,
    slot: &'a Slot,
    raw: &'a str,
    /// `None` when the reference is skipped.
    target: Option<String>,
    /// The URLs of the proxies that were peeled off, outermost first.
    proxies: Vec<String>,
    /// The ways to the picture, in the order in which they are tried.
    sources: Vec<String>,
    skip: Option<&'static str>,
}

pub(super) fn run(args: &LinksArgs) -> Outcome {
    let mut collecting = collecting_of(&args.documents, None)?;
    let inputs = Inputs::read(args)?;
    learn(&mut collecting, inputs.discovery(args)?);
    let mut out = BufWriter::new(io::stdout().lock());
    let mut exit = Exit::Complete;
    for entry in inputs.discovery(args)? {
        let found = match entry? {
            Entry::Found(found) => found,
            Entry::Skipped(skipped) => {
                warn(&skipped.path, &skipped.reason.to_string());
                if skipped.reason.is_failure() {
                    exit = Exit::SomeMissing;
                }
                continue;
            }
        };
        match print(&collecting, &found.path, args.json, &mut out) {
            Ok(()) => {}
            Err(Failed::Read(why)) => {
                warn(&found.path, &why);
                exit = Exit::SomeMissing;
            }
            // Whoever read the lines has seen enough.
            Err(Failed::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(exit),
            Err(Failed::Write(error)) => return Err(error.into()),
        }
    }
    match out.flush() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(exit),
    }
}

enum Failed {
    Read(String),
    Write(io::Error),
}

/// The inputs, with the list of paths from standard input kept, since they are walked twice.
struct Inputs {
    inputs: Vec<Input>,
    list: Vec<u8>,
}

impl Inputs {
    fn read(args: &LinksArgs) -> io::Result<Self> {
        let inputs = args.inputs();
        let mut list = Vec::new();
        if inputs.contains(&Input::List) {
            io::stdin().lock().read_to_end(&mut list)?;
        }
        Ok(Inputs { inputs, list })
    }

    fn discovery(&self, args: &LinksArgs) -> Result<Discovery, crate::input::InputError> {
        let options = Options {
            results: Results::InPlace,
            max_document: args.documents.max_document,
            gitignore: args.documents.gitignore(),
            outputs: Vec::new(),
            list: Box::new(io::Cursor::new(self.list.clone())),
        };
        discover(&self.inputs, options)
    }
}

/// A first pass, only to learn the proxies that the documents witness; what is wrong is said by the second.
fn learn(collecting: &mut Collecting, documents: Discovery) {
    let mut witnesses = Witnesses::new();
    for entry in documents {
        if let Ok(Entry::Found(found)) = entry
            && let Ok(document) = collecting.open(&found.path)
        {
            collecting.mentions(&found.path, &document, &mut witnesses, &mut |_| {});
        }
    }
    for learned in collecting.unknown(&witnesses) {
        collecting.rules.learn(&learned);
    }
}

fn print(collecting: &Collecting, path: &Path, json: bool, out: &mut impl Write) -> Result<(), Failed> {
    let document = collecting.open(path).map_err(|error| Failed::Read(error.to_string()))?;
    let text = document.text();
    let mut position = Position { text: &text.text, at: 0, line: 1, column: 1 };
    let name = path.to_string_lossy();
    let mut failed = None;
    let facts = collecting.mentions(path, &document, &mut Witnesses::new(), &mut |mention| {
        position.go_to(mention.text_start);
        let raw = document.slice(mention.reference.span);
        let written = match json {
            true => json_line(&mention, &name, &position, &raw, out),
            false => text_line(&mention, &name, &position, out),
        };
        if let (None, Err(error)) = (&failed, written) {
            failed = Some(error);
        }
    });
    for warning in facts.warnings {
        warn(path, &warning);
    }
    failed.map_or(Ok(()), |error| Err(Failed::Write(error)))
}

/// Walks forward through a text, counting lines and characters.
struct Position<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    column: usize,
}

impl Position<'_> {
    fn go_to(&mut self, to: usize) {
        let between = self.text.get(self.at..to).unwrap_or_default();
        match between.rsplit_once('\n') {
            None => self.column += between.chars().count(),
            Some((lines, last)) => {
                self.line += memchr::memchr_iter(b'\n', lines.as_bytes()).count() + 1;
                self.column = last.chars().count() + 1;
            }
        }
        self.at = to;
    }
}

fn json_line(
    mention: &Mention,
    document: &str,
    position: &Position<'_>,
    raw: &str,
    out: &mut impl Write,
) -> io::Result<()> {
    let span = mention.reference.span;
    let target = mention.outcome.as_ref().ok();
    let hidden = |url: &str| sanitize::without_credentials(url).into_owned();
    let line = Line {
        document,
        line: position.line,
        column: position.column,
        start: span.start,
        end: span.end,
        slot: &mention.reference.slot,
        raw: &hidden(raw),
        target: target.map(|target| hidden(target.url.as_str())),
        proxies: target.map_or(Vec::new(), |t| t.proxies.iter().map(|step| hidden(&step.proxied)).collect()),
        sources: target.map_or(Vec::new(), |target| target.sources().map(hidden).collect()),
        skip: mention.outcome.as_ref().err().map(|skip| skip.as_str()),
    };
    writeln!(out, "{}", sanitize::json(&serde_json::to_string(&line)?))
}

fn text_line(mention: &Mention, document: &str, position: &Position<'_>, out: &mut impl Write) -> io::Result<()> {
    let clean = |text: &str| sanitize::for_terminal(text).into_owned();
    write!(out, "{}:{}:{} {} ", clean(document), position.line, position.column, mention.reference.slot)?;
    match &mention.outcome {
        Ok(target) if target.proxies.is_empty() => writeln!(out, "{}", clean(target.url.as_str())),
        Ok(target) => {
            let rules: Vec<_> = target.proxies.iter().map(|step| step.rule.as_ref()).collect();
            writeln!(out, "{} (peeled: {})", clean(target.url.as_str()), clean(&rules.join(", ")))
        }
        Err(skip) => {
            let written = sanitize::without_credentials(&mention.reference.url);
            writeln!(out, "{} (skipped: {})", sanitize::for_terminal_limited(&written, 120), skip.as_str())
        }
    }
}
