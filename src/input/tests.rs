#![cfg(unix)]

use super::*;
use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

/// A folder of its own for each test.
struct Tree(tempfile::TempDir);

impl Tree {
    fn new(files: &[&str]) -> Tree {
        let tree = Tree(tempfile::tempdir().unwrap());
        for file in files {
            tree.write(file, "x");
        }
        tree
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn options(&self) -> Options {
        Options {
            results: Results::Copies,
            max_document: 1000,
            gitignore: Gitignore::Disregarded,
            outputs: vec![self.at("mirror")],
            list: Box::new(Cursor::new(Vec::new())),
        }
    }

    fn walk(&self, inputs: &[&str]) -> Walked {
        Walked::new(discover(&self.inputs(inputs), self.options()).unwrap(), self.0.path())
    }

    fn inputs(&self, inputs: &[&str]) -> Vec<Input> {
        inputs.iter().map(|input| Input::Path(self.at(input))).collect()
    }

    fn walk_list(&self, list: &[u8]) -> Walked {
        let options = Options { list: Box::new(Cursor::new(list.to_owned())), ..self.options() };
        Walked::new(discover(&[Input::List], options).unwrap(), self.0.path())
    }
}

#[derive(Debug, Default)]
struct Walked {
    found: Vec<String>,
    skipped: BTreeMap<String, String>,
    error: Option<String>,
}

impl Walked {
    fn new(discovery: Discovery, base: &Path) -> Walked {
        let mut walked = Walked::default();
        for entry in discovery {
            match entry {
                Ok(Entry::Found(found)) => {
                    assert_eq!(fs::metadata(&found.path).unwrap().len(), found.len);
                    walked.found.push(found.relative.to_str().unwrap().to_owned());
                }
                Ok(Entry::Skipped(skipped)) => {
                    let name = skipped.path.strip_prefix(base).unwrap().to_string_lossy().into_owned();
                    walked.skipped.insert(name, skipped.reason.to_string());
                }
                Err(error) => {
                    assert!(walked.error.is_none(), "the walk ends after its first error");
                    walked.error = Some(error.to_string().replace(base.to_str().unwrap(), "TMP"));
                }
            }
        }
        walked
    }
}

#[test]
fn the_walk_can_be_moved_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<Discovery>();
}

#[test]
fn one_folder_gives_paths_relative_to_it_in_order() {
    let tree = Tree::new(&["in/b/2.md", "in/b/1.html", "in/a.txt", "in/c.SVG", "in/x.png", "in/Makefile", "in/b.css"]);
    for input in ["in", "in/", "in/b/..", "./in/."] {
        assert_eq!(tree.walk(&[input]).found, ["a.txt", "b/1.html", "b/2.md", "b.css", "c.SVG"], "{input}");
    }
}

#[test]
fn every_document_extension_is_known_in_any_case() {
    let names = DOCUMENT_EXTENSIONS.map(|own| format!("in/x.{}", own.to_uppercase()));
    let tree = Tree::new(&names.each_ref().map(String::as_str));
    assert_eq!(tree.walk(&["in"]).found.len(), DOCUMENT_EXTENSIONS.len());
}

#[test]
fn a_file_that_is_named_is_always_taken() {
    let tree = Tree::new(&["in/.hidden/.notes", "in/photo.png"]);
    assert_eq!(tree.walk(&["in/.hidden/.notes"]).found, [".notes"]);
    assert_eq!(tree.walk(&["in/.hidden/.notes", "in/photo.png"]).found, [".notes", "photo.png"]);
}

#[test]
fn several_inputs_keep_their_base_names() {
    let tree = Tree::new(&["one/a.html", "two/a.html", "c.html"]);
    assert_eq!(tree.walk(&["two", "one/", "c.html"]).found, ["two/a.html", "one/a.html", "c.html"]);
    assert_eq!(tree.walk(&["one/.", "two/../two"]).found, ["one/a.html", "two/a.html"]);
}

#[test]
fn an_input_given_twice_is_one_input() {
    let tree = Tree::new(&["in/a.html"]);
    assert_eq!(tree.walk(&["in", "in/", "in/../in"]).found, ["a.html"]);
    assert_eq!(tree.walk(&["in/a.html", "in/a.html"]).found, ["a.html"]);
}

#[test]
fn two_documents_for_one_place_are_refused() {
    let tree = Tree::new(&["x/a.html", "y/a.html", "z/a.html/b.html"]);
    let walked = tree.walk(&["x/a.html", "y/a.html"]);
    assert_eq!(walked.found, ["a.html"]);
    assert!(walked.error.unwrap().starts_with("TMP/y/a.html and an earlier input would both become documents/a.html;"));
    // A file and a folder cannot share a name either, whichever comes first.
    assert!(tree.walk(&["x/a.html", "z/a.html"]).error.is_some());
    assert!(tree.walk(&["z/a.html", "x/a.html"]).error.is_some());
    // The fault is the command line's.
    let mut walk = discover(&tree.inputs(&["x/a.html", "y/a.html"]), tree.options()).unwrap();
    assert!(walk.find_map(Result::err).unwrap().is_usage());
    assert!(walk.next().is_none());
}

#[test]
fn dot_files_and_dot_folders_are_passed_over_unless_named() {
    let tree = Tree::new(&["in/.git/x.html", "in/.x.html", "in/y.html"]);
    assert_eq!(tree.walk(&["in"]).found, ["y.html"]);
    assert_eq!(tree.walk(&["in/.git"]).found, ["x.html"]);
}

#[test]
fn gitignore_is_honoured_on_request_only() {
    let tree = Tree::new(&["in/drafts/x.html", "in/y.html"]);
    tree.write("in/.gitignore", "drafts/\n");
    tree.write("in/.ignore", "y.html\n");
    assert_eq!(tree.walk(&["in"]).found, ["drafts/x.html", "y.html"]);
    let options = Options { gitignore: Gitignore::Respected, ..tree.options() };
    let walk = discover(&tree.inputs(&["in"]), options).unwrap();
    assert_eq!(Walked::new(walk, tree.0.path()).found, ["y.html"]);
}

#[test]
fn links_are_not_followed_and_loops_are_harmless() {
    let tree = Tree::new(&["in/a.html", "elsewhere/b.html"]);
    symlink(tree.at("in"), tree.at("in/loop")).unwrap();
    symlink(tree.at("elsewhere/b.html"), tree.at("in/b.html")).unwrap();
    symlink(tree.at("nowhere"), tree.at("in/picture.png")).unwrap();
    let walked = tree.walk(&["in"]);
    assert_eq!(walked.found, ["a.html"]);
    assert_eq!(walked.skipped.keys().collect::<Vec<_>>(), ["in/b.html", "in/loop"]);
    assert!(walked.skipped["in/loop"].starts_with("a symbolic link, not followed"));
}

#[test]
fn a_link_that_is_named_is_followed_under_its_own_name() {
    let tree = Tree::new(&["2024/a.html", "b.html"]);
    symlink(tree.at("2024"), tree.at("latest")).unwrap();
    symlink(tree.at("b.html"), tree.at("c.html")).unwrap();
    assert_eq!(tree.walk(&["latest", "c.html"]).found, ["latest/a.html", "c.html"]);
    assert_eq!(tree.walk(&["latest"]).found, ["a.html"]);
}

#[test]
fn special_files_are_told_and_never_opened() {
    let tree = Tree::new(&["in/a.html"]);
    let _socket = UnixListener::bind(tree.at("in/socket.html")).unwrap();
    assert_eq!(tree.walk(&["in"]).skipped["in/socket.html"], "a socket, not a document");
    assert_eq!(tree.walk(&["in/socket.html"]).skipped["in/socket.html"], "a socket, not a document");
    let walk = discover(&[Input::Path("/dev/null".into())], tree.options()).unwrap();
    let [Ok(Entry::Skipped(skipped))] = &walk.collect::<Vec<_>>()[..] else { panic!("a device is skipped") };
    assert_eq!(skipped.reason.to_string(), "a device, not a document");
}

#[test]
fn files_over_the_limit_are_told() {
    let tree = Tree::new(&["in/a.html"]);
    tree.write("in/b.html", &"x".repeat(1000));
    tree.write("in/c.html", &"x".repeat(1001));
    let walked = tree.walk(&["in"]);
    assert_eq!(walked.found, ["a.html", "b.html"]);
    assert!(walked.skipped["in/c.html"].contains("--max-document"));
}

#[test]
fn names_that_are_no_text_are_found() {
    let tree = Tree::new(&["in/a.html"]);
    let odd = tree.at("in").join(OsStr::from_bytes(b"\xff\n.html"));
    fs::write(&odd, "x").unwrap();
    let walk = discover(&tree.inputs(&["in"]), tree.options()).unwrap();
    let paths: Vec<_> = walk.map(|entry| entry.unwrap()).collect();
    assert!(paths.iter().any(|entry| matches!(entry, Entry::Found(found) if found.path == odd)));
}

#[test]
fn the_output_is_never_an_input() {
    let tree = Tree::new(&["a.html", "mirror/documents/a.html", "mirror2/b.html"]);
    assert_eq!(tree.walk(&["."]).found, ["a.html", "mirror2/b.html"]);
    for inside in ["mirror", "mirror/documents", "mirror/documents/a.html"] {
        let error = discover(&tree.inputs(&[inside]), tree.options()).err().unwrap();
        assert!(error.is_usage(), "{error}");
    }
}

#[test]
fn an_output_that_appears_during_the_walk_is_not_read() {
    let tree = Tree::new(&["a.html"]);
    symlink(tree.0.path(), tree.at("other-name")).unwrap();
    let options = Options { outputs: vec![tree.at("other-name/new/../mirror")], ..tree.options() };
    let walk = discover(&tree.inputs(&["."]), options).unwrap();
    tree.write("mirror/documents/b.html", "x");
    assert_eq!(Walked::new(walk, tree.0.path()).found, ["a.html"]);
}

#[test]
fn a_missing_input_stops_the_run_before_it_begins() {
    let tree = Tree::new(&["a.html"]);
    let error = discover(&tree.inputs(&["a.html", "nowhere"]), tree.options()).err().unwrap();
    assert!(!error.is_usage());
    assert!(error.to_string().contains("nowhere cannot be read: No such file"), "{error}");
}

#[test]
fn lists_are_read_by_line_or_by_nul() {
    let tree = Tree::new(&["a.html", "two/b c.html", "two/line\nend.html"]);
    let base = tree.0.path().to_str().unwrap().to_owned();
    let walked = tree.walk_list(format!("{base}/a.html\r\n\n{base}/two/b c.html").as_bytes());
    assert_eq!(walked.found, ["a.html", "b c.html"]);
    let walked = tree.walk_list(format!("{base}/two/line\nend.html\0{base}/a.html\0").as_bytes());
    assert_eq!(walked.found, ["line\nend.html", "a.html"]);
    assert_eq!(tree.walk_list(b"").found, [""; 0]);
}

#[test]
fn a_listed_folder_is_an_input_like_any_other() {
    let tree = Tree::new(&["one/a.html", "two/a.html"]);
    let base = tree.0.path().to_str().unwrap().to_owned();
    assert_eq!(tree.walk_list(format!("{base}/one\n").as_bytes()).found, ["a.html"]);
    assert_eq!(tree.walk_list(format!("{base}/one\n{base}/two\n").as_bytes()).found, ["one/a.html", "two/a.html"]);
    // A path listed twice is one document.
    assert_eq!(tree.walk_list(format!("{base}/one\n{base}/one\n").as_bytes()).found, ["one/a.html"]);
}

#[test]
fn a_stale_path_in_a_list_does_not_stop_the_run() {
    let tree = Tree::new(&["a.html", "mirror/documents/b.html"]);
    let base = tree.0.path().to_str().unwrap().to_owned();
    let walked = tree.walk_list(format!("{base}/gone.html\n{base}/mirror/documents\n{base}/a.html\n").as_bytes());
    assert_eq!(walked.found, ["a.html"]);
    assert_eq!(walked.skipped.keys().collect::<Vec<_>>(), ["gone.html", "mirror/documents"]);
}

#[test]
fn what_is_no_list_is_refused_in_bounded_memory() {
    let tree = Tree::new(&[]);
    let options = Options { list: Box::new(std::io::repeat(b'x').take(1 << 40)), ..tree.options() };
    let walked = Walked::new(discover(&[Input::List], options).unwrap(), tree.0.path());
    assert!(walked.error.unwrap().contains("no list of paths"));
}
