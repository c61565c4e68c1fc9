//! pywb serves the archive; what it serves is what was captured.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};

use sha2::{Digest as _, Sha256};

use super::tools::tool;
use super::{bundle, mirror};
use crate::support::{Case, Mirror, pictures};

/// Serves the collections of the folder that it runs in, on a port that the system chooses and that it tells.
const SERVER: &str = "
import os
from gevent.monkey import patch_all; patch_all()
from gevent.pywsgi import WSGIServer
from pywb.apps.frontendapp import FrontEndApp
server = WSGIServer(('127.0.0.1', 0), FrontEndApp(), log=None)
server.start()
print('port', server.server_port, flush=True)
# pywb goes on to tell things where nobody reads them.
os.dup2(2, 1)
server.serve_forever()
";

/// A replay server; it ends with the test.
struct Replay {
    child: Child,
    port: u16,
}

impl Replay {
    /// Adds an archive to a collection of its own and serves it.
    fn of(case: &Case, archive: &std::path::Path) -> Replay {
        let folder = case.at("replay");
        std::fs::create_dir(&folder).unwrap();
        let archive = archive.to_str().unwrap();
        for arguments in [&["init", "c"][..], &["add", "--unpack-wacz", "c", archive]] {
            let ran = tool("wb-manager").args(arguments).current_dir(&folder).output().unwrap();
            assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
        }
        let mut command: Command = tool("python3");
        command.args(["-c", SERVER]).current_dir(&folder).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // pywb tells before it that it has no configuration.
        let port = lines.find_map(|line| line.unwrap().strip_prefix("port ").map(|port| port.parse().unwrap()));
        Replay { port: port.expect("the server tells its port"), child }
    }

    /// Asks for a path; gives the status and the body.
    fn get(&self, path: &str) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{}\r\n\r\n", self.port).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), answer[end + 4..].to_vec())
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pages(archive: &std::path::Path) -> Vec<String> {
    let mut zip = zip::ZipArchive::new(std::fs::File::open(archive).unwrap()).unwrap();
    let mut text = String::new();
    zip.by_name("pages/pages.jsonl").unwrap().read_to_string(&mut text).unwrap();
    let lines = text.lines().skip(1).map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines.map(|line| line["url"].as_str().unwrap().to_owned()).collect()
}

/// The values of an attribute in a page.
fn values(page: &str, attribute: &str) -> Vec<String> {
    let begin = format!(" {attribute}=\"");
    page.split(&begin).skip(1).map(|rest| rest.split('"').next().unwrap().replace("&amp;", "&")).collect()
}

#[test]
fn replay_shows_every_page_with_every_picture_as_it_was_captured() {
    let (case, _origin) = mirror();
    let archive = bundle(&case, "wacz", "all.wacz");
    let replay = Replay::of(&case, &archive);
    let mut served = BTreeSet::new();
    let pages = pages(&archive);
    assert_eq!(pages.len(), 4);
    for page in pages {
        let (status, body) = replay.get(&format!("/c/20231114221320mp_/{page}"));
        let body = String::from_utf8(body).unwrap();
        assert_eq!(status, 200, "{page}: {body}");
        // The page's own policy would shut out what replay puts into it.
        assert!(!body.contains("Policy\" content="), "{body}");
        for url in values(&body, "src").into_iter().filter(|url| url.contains("_/http")) {
            let path = url.split_once("/c/").map(|(_, rest)| format!("/c/{rest}")).unwrap();
            let (status, picture) = replay.get(&path);
            assert_eq!(status, 200, "{page}: {url}");
            served.insert(hex::encode(Sha256::digest(&picture)));
        }
    }
    // After the last capture, which was one that was not modified, there is the picture still.
    for (path, seed) in [("a.png", "same"), ("same-bytes.png", "same"), ("coded.png", "coded")] {
        let (status, picture) = replay.get(&format!("/c/20990101000000im_/http://p.example/{path}"));
        assert_eq!((status, picture == pictures::png(seed)), (200, true), "{path}");
    }
    let mut held: BTreeSet<String> =
        Mirror::at(case.at("mirror")).blobs().keys().map(|name| name[3..67].to_owned()).collect();
    held.insert(hex::encode(Sha256::digest(pictures::png("beside"))));
    let cover = pictures::for_url("http://p.example/cover.jpg");
    held.remove(&hex::encode(Sha256::digest(cover)));
    let not_served: Vec<_> = held.difference(&served).collect();
    let not_held: Vec<_> = served.difference(&held).collect();
    assert!(not_served.is_empty() && not_held.is_empty(), "not served: {not_served:?}, not held: {not_held:?}");
}
