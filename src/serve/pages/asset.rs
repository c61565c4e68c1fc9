//! A picture with its provenance.

use bytesize::ByteSize;
use encoding_rs::UTF_8;
use maud::{Markup, html};

use super::{Frame, moment, shown};
use crate::mirror::catalog::{CaptureExport, FailureExport, PictureRow, ViewedAsset};
use crate::page::Collection;
use crate::sanitize;
use crate::serve::library::blob_url;
use crate::target::{self, Place};

/// Rows of each list.
pub const MAX_ROWS: usize = 100;

pub fn page(collection: &Collection, asset: &ViewedAsset) -> anyhow::Result<Markup> {
    let nav = html! { nav { a href="/" { "All articles" } } };
    let frame = Frame { title: &asset.target, language: Some("en"), class: "sv-wide", nav };
    let mut documents = Vec::new();
    for id in &asset.documents {
        documents.extend(collection.entry(*id)?);
    }
    Ok(frame.around(&html! {
        h1 { "Picture" }
        @match &asset.picture {
            Some(picture) => (figure(picture)),
            None => p.im-missing { b { "Not held." } @if let Some(failure) = &asset.failure { (reason(failure)) } },
        }
        h2 { "Where it is from" }
        dl.sv-facts {
            dt { "Target" } dd { span.im-url { bdi { (shown(&asset.target)) } } }
            @for source in &asset.sources { dt { "Other source" } dd { span.im-url { bdi { (shown(source)) } } } }
            @if let Some(hint) = &asset.hint { dt { "Referer" } dd { span.im-url { bdi { (shown(hint)) } } } }
            @if let (Some(failure), Some(_)) = (&asset.failure, &asset.picture) {
                dt { "Last failure" } dd { (reason(failure)) }
            }
        }
        (proxies(collection, asset))
        (captures(asset))
        h2 { "Documents that show it" }
        @if documents.is_empty() { p { "None." } }
        ul { @for entry in &documents {
            li { a href={ "/document/" (entry.id()) } { bdi { (sanitize::path(&entry.name)) } } }
        } }
        @if asset.documents.len() == MAX_ROWS { p.sv-quiet { "Perhaps more: these are the first." } }
    }))
}

fn figure(picture: &PictureRow) -> Markup {
    let url = blob_url(&picture.blob);
    html! {
        figure.sv-figure {
            a href=(url) { img src=(url) alt="The picture as it is held"; }
            figcaption {
                (picture.blob.media_type) ", " (size(picture.length))
                @if let Some((width, height)) = picture.dimensions { ", " (width) " × " (height) }
                br; span.im-url { "sha256:" (picture.blob.digest) }
            }
        }
    }
}

fn reason(failure: &FailureExport) -> Markup {
    html! {
        (shown(&failure.kind)) ": " (shown(&failure.detail)) ". Since " (moment(failure.since)) ", after "
        (failure.attempts) @if failure.attempts == 1 { " request" } @else { " requests" }
        "; not asked for again before " (moment(failure.next)) "."
    }
}

/// How the references that were written with proxies lead to the target, rule by rule.
fn proxies(collection: &Collection, asset: &ViewedAsset) -> Markup {
    html! {
        @if !asset.written.is_empty() {
            h2 { "Proxies that were peeled off" }
            ul { @for written in &asset.written {
                li {
                    span.im-url { bdi { (shown(written)) } }
                    @if let Ok(target) = target::resolve(written, Place { base: None, encoding: UTF_8 }, collection.rules()) {
                        @if !target.proxies.is_empty() {
                            ol { @for step in &target.proxies {
                                li { (shown(&step.rule)) " → " span.im-url { bdi { (shown(&step.inner)) } } }
                            } }
                        }
                    }
                }
            } }
        }
    }
}

fn captures(asset: &ViewedAsset) -> Markup {
    html! {
        h2 { "Captures" }
        @if asset.captures.is_empty() { p { "None." } }
        @else {
            table.sv-rows {
                thead { tr {
                    th scope="col" { "Date" }
                    th scope="col" { "Status" }
                    th scope="col" { "Asked" }
                    th scope="col" { "What came" }
                } }
                tbody { @for capture in &asset.captures { (capture_row(capture)) } }
            }
            @if asset.captures.len() == MAX_ROWS { p.sv-quiet { "Perhaps more: these are the newest." } }
        }
    }
}

fn capture_row(capture: &CaptureExport) -> Markup {
    html! {
        tr {
            td { (moment(capture.fetched)) }
            td { (capture.status) @if let Some(revisit) = &capture.revisit { br; span.sv-quiet { (shown(revisit)) } } }
            td {
                span.im-url { bdi { (shown(&capture.source)) } }
                @for redirect in &capture.redirects {
                    br; span.sv-quiet { "redirected by " } span.im-url { bdi { (shown(redirect)) } }
                }
            }
            td {
                (capture.blob.media_type) ", " (size(capture.length))
                @if let (Some(width), Some(height)) = (capture.width, capture.height) { ", " (width) " × " (height) }
                br; a.im-url href=(blob_url(&capture.blob)) { "sha256:" (capture.blob.digest) }
                @if let Some(etag) = &capture.etag { br; span.sv-quiet { "ETag " (shown(etag)) } }
                @if let Some(modified) = &capture.last_modified { br; span.sv-quiet { "Last-Modified " (shown(modified)) } }
            }
        }
    }
}

fn size(bytes: u64) -> String {
    ByteSize(bytes).to_string()
}
