//! The index of the folder format: pages that list the documents by name.

use crate::page::Picture;
use crate::page::node::{Element, Node, Value};

/// Documents on a page of the index.
const PER_PAGE: u64 = 200;

/// What the index says of a document.
#[derive(Debug)]
pub struct Line {
    /// From the root of the bundle.
    pub url: String,
    pub title: String,
    pub byline: Option<String>,
    pub cover: Option<Picture>,
}

/// The index, being collected: it holds one page at a time.
#[derive(Debug)]
pub struct Index {
    /// Pages in all.
    pages: u64,
    documents: u64,
    done: u64,
    lines: Vec<Line>,
}

impl Index {
    /// An index of this many documents.
    pub fn new(documents: u64) -> Self {
        Index { pages: documents.div_ceil(PER_PAGE), documents, done: 0, lines: Vec::new() }
    }

    /// Where the next document will be listed.
    pub fn next_path(&self) -> String {
        path(self.done + 1)
    }

    /// Adds a document, and gives the page that it fills.
    pub fn add(&mut self, line: Line) -> Option<Page> {
        self.lines.push(line);
        (self.lines.len() as u64 == PER_PAGE).then(|| self.rest()).flatten()
    }

    /// The page that is not full, if there is one.
    pub fn rest(&mut self) -> Option<Page> {
        let lines = std::mem::take(&mut self.lines);
        if lines.is_empty() {
            return None;
        }
        self.done += 1;
        Some(Page { number: self.done, pages: self.pages, documents: self.documents, lines })
    }
}

/// A page of the index.
#[derive(Debug)]
pub struct Page {
    /// From 1.
    number: u64,
    pages: u64,
    documents: u64,
    lines: Vec<Line>,
}

impl Page {
    /// Its path in the bundle.
    pub fn path(&self) -> String {
        path(self.number)
    }

    pub fn body(&self, title: &str) -> Vec<Node> {
        let list = self.lines.iter().fold(Element::new("ol").with("class", "im-index").child("\n"), |list, line| {
            list.child(item(line)).child("\n")
        });
        let count = match self.documents {
            1 => "1 article".to_owned(),
            many => format!("{many} articles"),
        };
        let count = Element::new("p").with("class", "im-byline").child(count.as_str());
        let mut main = Element::new("main").child(Element::new("h1").child(title)).child(count);
        for part in [self.others(), Some(list), self.others()].into_iter().flatten() {
            main = main.child(part);
        }
        vec![main.into()]
    }

    /// The way to the other pages.
    fn others(&self) -> Option<Element> {
        if self.pages < 2 {
            return None;
        }
        let here = format!("Page {} of {}", self.number, self.pages);
        let mut nav = Element::new("nav");
        for (to, label, there) in [
            (1, "First", self.number > 2),
            (self.number.saturating_sub(1), "Previous", self.number > 1),
            (self.number, here.as_str(), true),
            (self.number + 1, "Next", self.number < self.pages),
            (self.pages, "Last", self.number + 1 < self.pages),
        ] {
            if !there {
                continue;
            }
            nav = match to == self.number {
                true => nav.child(label),
                false => nav.child(Element::new("a").with("href", path(to)).child(label)),
            };
            nav = nav.child(" ");
        }
        Some(nav)
    }
}

fn item(line: &Line) -> Element {
    let link = || Element::new("a").with("href", line.url.as_str());
    let mut thumbnail = Element::new("span").with("class", "im-thumbnail");
    if let Some(cover) = &line.cover {
        let picture = Value::Picture(cover.clone(), None);
        thumbnail = thumbnail.child(Element::new("img").value("src", picture).with("alt", ""));
    }
    let mut text = Element::new("div").child(link().child(line.title.as_str()));
    if let Some(byline) = &line.byline {
        text = text.child(Element::new("p").with("class", "im-byline").child(byline.as_str()));
    }
    Element::new("li").child(thumbnail).child(text)
}

fn path(number: u64) -> String {
    if number == 1 { "index.html".to_owned() } else { format!("index-{number}.html") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u64) -> Line {
        Line { url: format!("pages/{number}.html"), title: format!("<{number}>"), byline: None, cover: None }
    }

    fn pages(documents: u64) -> Vec<Page> {
        let mut index = Index::new(documents);
        let mut pages: Vec<Page> = (0..documents).filter_map(|number| index.add(line(number))).collect();
        pages.extend(index.rest());
        pages
    }

    #[test]
    fn pages_hold_two_hundred_documents() {
        for (documents, sizes) in [(1, vec![1]), (200, vec![200]), (201, vec![200, 1]), (400, vec![200, 200])] {
            let pages = pages(documents);
            assert_eq!(pages.iter().map(|page| page.lines.len()).collect::<Vec<_>>(), sizes);
            assert!(pages.iter().all(|page| page.pages == sizes.len() as u64));
        }
    }

    #[test]
    fn pages_lead_to_each_other() {
        let pages = pages(801);
        assert_eq!((pages[0].path(), pages[4].path()), ("index.html".to_owned(), "index-5.html".to_owned()));
        let told: Vec<String> = pages.iter().map(|page| format!("{:?}", page.others().unwrap())).collect();
        let leads = |page: usize, to: &str| told[page].contains(&format!("Text(\"{to}\")"));
        assert!(!leads(0, "index.html") && leads(0, "index-2.html") && leads(0, "index-5.html"));
        assert!(leads(2, "index.html") && leads(2, "index-2.html") && leads(2, "index-4.html"));
        assert!(leads(4, "index-4.html") && !leads(4, "index-6.html"));
    }

    #[test]
    fn a_document_knows_where_it_is_listed() {
        let mut index = Index::new(201);
        for number in 0..201 {
            assert_eq!(index.next_path(), if number < 200 { "index.html" } else { "index-2.html" });
            index.add(line(number));
        }
    }
}
