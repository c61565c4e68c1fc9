//! `serve`: a mirror or a bundle in a browser. Requests are written byte by byte, so that hostile ones arrive as they are.

mod bundle;
mod documents;
mod guard;
mod index;
mod limits;
mod pictures;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::{Case, Origin, Running};

/// The program, answering. It is ended with the test.
pub struct Viewer {
    running: Option<Running>,
    pub port: u16,
}

impl Viewer {
    pub fn start(case: &Case, flags: &[&str]) -> Self {
        let mut running = case.imgmirror(&["serve"]).args(flags).start();
        let line = running.line();
        let port = line.strip_prefix("http://127.0.0.1:").and_then(|rest| rest.strip_suffix('/')?.parse().ok());
        let Some(port) = port else { panic!("{line:?}\n{}", running.wait().stderr) };
        Viewer { running: Some(running), port }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        // To fail instead of hanging; nothing is measured by it.
        stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        stream
    }

    /// Writes a request as it is given, and reads until the connection ends.
    pub fn raw(&self, request: &[u8]) -> Answer {
        let mut stream = self.connect();
        stream.write_all(request).unwrap();
        Answer::read(stream)
    }

    pub fn ask(&self, method: &str, path: &str, headers: &str) -> Answer {
        let host = format!("127.0.0.1:{}", self.port);
        self.raw(format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n").as_bytes())
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "")
    }

    /// The page at a path, which is to be there.
    #[track_caller]
    pub fn page(&self, path: &str) -> String {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.assert_safe(path);
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
        let text = answer.text();
        assert_asks_nobody(&text);
        text
    }

    /// Where the index leads for the document whose name or title has this in it.
    #[track_caller]
    pub fn document(&self, search: &str) -> String {
        let page = self.page(&format!("/?q={search}"));
        let (_, rest) = page.split_once("href=\"/document/").unwrap_or_else(|| panic!("{search}: {page}"));
        format!("/document/{}", &rest[..rest.find(['"', '/']).unwrap()])
    }

    #[cfg(unix)]
    pub fn stop(mut self, signal: &str) -> crate::support::Ran {
        let running = self.running.take().unwrap();
        running.signal(signal);
        running.wait()
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.running.iter_mut().for_each(Running::kill);
    }
}

pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn read(mut stream: TcpStream) -> Self {
        let mut bytes = Vec::new();
        // A connection that is cut off has said what it had to say.
        let _ = stream.read_to_end(&mut bytes);
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("an answer has a head");
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| line.split_once(": ").unwrap());
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Answer { status, headers, body: bytes[end + 4..].to_vec() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} is there twice");
        value
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// Whatever it is an answer to, it has the headers that keep it from doing harm.
    #[track_caller]
    pub fn assert_safe(&self, to: &str) {
        let policy = self.header("content-security-policy").unwrap_or_else(|| panic!("{to} ({})", self.status));
        let directives: Vec<_> = policy.split("; ").collect();
        for directive in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(directives.contains(&directive), "{to}: {policy}");
        }
        assert!(directives.contains(&"form-action 'self'") || directives.contains(&"sandbox"), "{to}: {policy}");
        let sources = directives.iter().filter(|directive| !directive.starts_with("sandbox"));
        for source in sources.flat_map(|directive| directive.split(' ').skip(1)) {
            let known = ["'none'", "'self'", "'unsafe-inline'", "data:"].contains(&source);
            assert!(known && !policy.contains("script"), "{to}: {policy}");
        }
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(self.header(name), Some(value), "{name} of {to}");
        }
        assert!(self.header("content-type").is_some() || self.status == 304, "{to}");
        assert!(self.header("cache-control").is_some() && self.header("set-cookie").is_none(), "{to}");
        assert_eq!(self.header("access-control-allow-origin"), None, "{to}");
    }
}

/// By an independent reading: no element of a page names anything to load that is not a path of the same server, and
/// nothing in it can act.
#[track_caller]
pub fn assert_asks_nobody(page: &str) {
    let parsed = scraper::Html::parse_document(page);
    for element in parsed.root_element().descendants().filter_map(scraper::ElementRef::wrap) {
        let name = element.value().name();
        assert!(!["script", "iframe", "object", "embed", "base", "video", "audio", "frame"].contains(&name), "{page}");
        assert!(
            !(name == "meta" && element.attr("http-equiv").is_some_and(|equiv| equiv != "Content-Security-Policy"))
        );
        for (attribute, value) in element.value().attrs() {
            assert!(!attribute.starts_with("on"), "{attribute} of {name}: {page}");
            let loads = ["src", "srcset", "poster", "background", "data", "action", "xlink:href"].contains(&attribute)
                || attribute == "href" && name != "a";
            let own = value.starts_with('/') && !value.starts_with("//") && !value.contains("://");
            assert!(!loads || own || value.starts_with('#'), "{name} {attribute}={value}");
            assert!(!value.trim_start().to_ascii_lowercase().starts_with("javascript:"), "{value}");
        }
    }
}

/// A mirror of these documents, with a picture for each URL that they name.
pub fn mirrored(documents: &[(&str, &str)]) -> (Case, Origin) {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    for (name, text) in documents {
        case.write(format!("in/{name}"), text);
    }
    case.imgmirror(&["sync", "in", "--quiet"]).args(origin.flags()).run(0);
    (case, origin)
}
