//! The part of the page that needs no script.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use super::{MARK, SCRIPT, STYLE};
use crate::report::human::{count, number, time};
use crate::report::overview::{Group, Overview, Run};
use crate::report::status::{self, headline};
use crate::report::{Ending, advice, host, when};
use crate::sanitize;

/// The page up to the rows.
pub(super) fn before_rows(overview: &Overview, mark: &str, now: i64) -> Markup {
    html! {
        (DOCTYPE)
        // `after_rows` closes what is opened as text here.
        (PreEscaped("<html lang=\"en\">"))
        head {
            meta charset="utf-8";
            meta name=(MARK) content=(mark);
            meta http-equiv="Content-Security-Policy" content=(policy());
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="referrer" content="no-referrer";
            meta name="color-scheme" content="light dark";
            title { "Mirror report" }
            style { (PreEscaped(STYLE)) }
        }
        (PreEscaped("<body>"))
        header {
            h1 { "Mirror report" }
            p.verdict.whole[overview.whole] { (headline(overview)) }
            p.quiet {
                "Written on " (moment(now)) " by imgmirror " (env!("CARGO_PKG_VERSION"))
                ". Runs that changed nothing leave this page as it is."
            }
        }
        main {
            (figures(overview))
            (next(overview))
            (missing(overview, now))
            (incomplete(overview))
            (changed(overview))
            (browse())
            (runs(overview))
        }
        (PreEscaped("<script type=\"application/json\" id=\"rows\">"))
    }
}

/// The page from the end of the rows.
pub(super) fn after_rows() -> Markup {
    PreEscaped(format!("</script>\n<script>{SCRIPT}</script>\n</body></html>\n"))
}

/// What the page may do (<https://www.w3.org/TR/CSP3/>): nothing but what it brings along, and show pictures from this
/// disk, or from where it is served.
fn policy() -> String {
    let digest = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src 'self' file:; \
         base-uri 'none'; form-action 'none'",
        digest(STYLE),
        digest(SCRIPT)
    )
}

fn figures(overview: &Overview) -> Markup {
    let (documents, references, assets) = (&overview.documents, &overview.references, &overview.assets);
    let of = |part: u64, total: u64| format!("{} of {}", number(part), number(total));
    let figures = [
        ("Documents whole", of(documents.whole, documents.total)),
        ("Pictures held", of(assets.held, assets.total)),
        ("References mirrored", of(references.mirrored, references.total)),
        ("References skipped", number(references.skipped)),
        ("Changed on the server", number(assets.changed)),
        ("Size of the pictures", bytesize::ByteSize(overview.stored.bytes).to_string()),
    ];
    html! {
        dl.figures {
            @for (name, figure) in figures { div { dt { (name) } dd { (figure) } } }
        }
        @if documents.released > 0 {
            p.quiet { (count(documents.released, "document")) " whose source is gone: not counted above." }
        }
    }
}

fn next(overview: &Overview) -> Markup {
    html! {
        @if !overview.next.is_empty() {
            section aria-labelledby="next" {
                h2 #next { "What to do next" }
                ul { @for line in &overview.next { li { (code(line)) } } }
            }
        }
    }
}

/// Text in which what stands between backquotes is to be typed.
fn code(text: &str) -> Markup {
    html! {
        @for (i, part) in text.split('`').enumerate() {
            @if i % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn missing(overview: &Overview, now: i64) -> Markup {
    let shown: u64 = overview.missing.iter().map(|group| group.count).sum();
    html! {
        @if !overview.missing.is_empty() {
            section aria-labelledby="missing" {
                h2 #missing { "Missing pictures" }
                div.scroll.long tabindex="0" role="region" aria-labelledby="missing" {
                    table {
                        thead { tr {
                            th.number scope="col" { "Pictures" }
                            th scope="col" { "Host" }
                            th scope="col" { "Why" }
                            th scope="col" { "Since" }
                            th scope="col" { "Next try" }
                            th scope="col" { "What helps" }
                        } }
                        tbody { @for group in &overview.missing { (missing_row(group, now)) } }
                    }
                }
                @if overview.assets.missing > shown {
                    p { "And " (number(overview.assets.missing - shown)) " more, of other hosts." }
                }
            }
        }
    }
}

fn missing_row(group: &Group, now: i64) -> Markup {
    let host = host(&group.origin);
    html! {
        tr {
            td.number { (number(group.count)) }
            th scope="row" { a href="#browse" data-host=(sanitize::url(&group.origin)) { bdi { (shown(&host)) } } }
            td {
                (status::kind(group))
                @if let Some(detail) = &group.detail { span.detail { bdi { (shown(detail)) } } }
            }
            td { @if let Some(since) = group.since { (date(since)) } }
            td { (next_try(group, now)) }
            td { (code(advice::step(group.kind))) }
        }
    }
}

fn incomplete(overview: &Overview) -> Markup {
    let documents = &overview.documents;
    let hidden = (documents.total - documents.whole).saturating_sub(overview.incomplete.len() as u64);
    html! {
        @if !overview.incomplete.is_empty() {
            section aria-labelledby="incomplete" {
                h2 #incomplete { "Documents that are not whole" }
                div.scroll.long tabindex="0" role="region" aria-labelledby="incomplete" {
                    table {
                        thead { tr { th scope="col" { "Document" } th scope="col" { "State" } } }
                        tbody {
                            @for document in &overview.incomplete {
                                tr {
                                    th scope="row" { bdi { (sanitize::path(&document.path)) } }
                                    td { (status::state(document)) }
                                }
                            }
                        }
                    }
                }
                @if hidden > 0 {
                    p { "And " (number(hidden)) " more: " a href="#browse" { "browse" } " has them." }
                }
            }
        }
    }
}

fn changed(overview: &Overview) -> Markup {
    let hidden = overview.assets.changed.saturating_sub(overview.changed.len() as u64);
    html! {
        @if !overview.changed.is_empty() {
            section aria-labelledby="changed" {
                h2 #changed { "Changed on the server" }
                p { "The documents show these pictures as they were first; what came later is held as well." }
                div.scroll.long tabindex="0" role="region" aria-labelledby="changed" {
                    table {
                        thead { tr { th scope="col" { "Picture" } th scope="col" { "Other bytes since" } } }
                        tbody {
                            @for asset in &overview.changed {
                                tr {
                                    th scope="row" { bdi { (sanitize::url(&asset.target)) } }
                                    td { @if let Some(since) = asset.since { (date(since)) } }
                                }
                            }
                        }
                    }
                }
                @if hidden > 0 { p { "And " (number(hidden)) " more." } }
            }
        }
    }
}

/// What the script fills.
fn browse() -> Markup {
    html! {
        section #browse aria-labelledby="browse-title" {
            h2 #browse-title { "Browse" }
            noscript {
                p { "Lists of every document and picture need JavaScript. " code { "imgmirror export" } " has them as text." }
            }
            div #browser hidden {
                form #filters autocomplete="off" {
                    fieldset.views {
                        legend { "Show" }
                        label { input type="radio" name="view" value="pictures" checked; " Pictures" }
                        label { input type="radio" name="view" value="documents"; " Documents" }
                    }
                    label { "State" select name="state" {} }
                    label { "Host" input name="host" list="hosts" placeholder="any" spellcheck="false"; }
                    label { "Document" input name="document" placeholder="any" spellcheck="false"; }
                    label { "Text" input name="text" type="search" placeholder="in addresses and reasons" spellcheck="false"; }
                    button #clear type="button" { "Clear" }
                }
                datalist #hosts {}
                p #count role="status" {}
                div.scroll tabindex="0" role="region" aria-labelledby="browse-title" {
                    table #table { thead { tr {} } tbody {} }
                }
                nav aria-label="Pages" {
                    button #previous type="button" { "Previous" }
                    span #place {}
                    button #next-page type="button" { "Next" }
                }
            }
        }
    }
}

fn runs(overview: &Overview) -> Markup {
    html! {
        @if !overview.runs.is_empty() {
            section aria-labelledby="runs" {
                h2 #runs { "Runs" }
                div.scroll tabindex="0" role="region" aria-labelledby="runs" {
                    table {
                        thead { tr {
                            th scope="col" { "Begun" }
                            th scope="col" { "Ended" }
                            th.number scope="col" { "Documents read" }
                            th.number scope="col" { "Written" }
                            th.number scope="col" { "New pictures" }
                            th.number scope="col" { "Not had" }
                            th.number scope="col" { "Requests" }
                            th.number scope="col" { "Received" }
                        } }
                        tbody { @for run in &overview.runs { (run_row(run)) } }
                    }
                }
            }
        }
    }
}

fn run_row(run: &Run) -> Markup {
    let numbers = &run.numbers;
    let assets = &numbers.assets;
    html! {
        tr {
            th scope="row" { @if let Some(started) = run.started { (moment(started)) } }
            td {
                @match run.ending {
                    None => "running, or killed",
                    Some(Ending::Interrupted) => { "interrupted after " (time(numbers.seconds)) },
                    Some(_) => { "went through in " (time(numbers.seconds)) },
                }
            }
            td.number { (number(numbers.documents.read)) }
            td.number { (number(numbers.documents.written)) }
            td.number { (number(assets.captured + assets.rescued)) }
            td.number { (number(assets.missing())) }
            td.number { (number(numbers.requests)) }
            td.number { (bytesize::ByteSize(numbers.bytes.received)) }
        }
    }
}

fn next_try(group: &Group, now: i64) -> Markup {
    html! {
        @match status::rests_until(group, now) {
            Some(next) => { "rests until " (date(next)) },
            None => (status::NEXT_RUN),
        }
    }
}

/// Text from outside. Maud escapes what means something to HTML; this, what acts on the reader.
fn shown(text: &str) -> String {
    sanitize::for_terminal_limited(&sanitize::without_credentials(text), 200).into_owned()
}

fn moment(millis: i64) -> Markup {
    let shown = when::minute(millis);
    html! { time datetime=(shown.replacen(' ', "T", 1).replace(" UTC", "Z")) { (shown) } }
}

fn date(millis: i64) -> Markup {
    let shown = when::day(millis);
    html! { time datetime=(shown) { (shown) } }
}
