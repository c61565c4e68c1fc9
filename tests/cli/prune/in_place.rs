//! Pictures of a site whose posts were edited in place.

use std::fs;

use serde_json::Value;

use super::{catalog, name, of, page, prune};
use crate::support::{Case, Origin, blobs, names};

/// A Hexo site whose posts were edited in place.
struct Site {
    case: Case,
    origin: Origin,
}

impl Site {
    fn new() -> Self {
        let site = Site { case: Case::new(), origin: Origin::of_pictures() };
        site.case
            .write("posts/a.md", page(&["a.png", "shared.png"]))
            .write("posts/2021/b.md", page(&["b.png", "shared.png"]));
        site.sync();
        site
    }

    fn sync(&self) {
        let flags =
            ["sync", "posts", "--in-place", "--assets=site/i", "--link-base=/i/", "--yes", "--quiet", "-o=.mirror"];
        self.case.imgmirror(&flags).args(self.origin.flags()).run(0);
    }

    fn prune(&self, flags: &[&str]) -> Value {
        prune(&self.case, &[&["-o=.mirror"], flags].concat())
    }

    fn held(&self) -> Vec<String> {
        blobs(&self.case.at("site/i")).into_keys().collect()
    }
}

#[test]
fn what_a_journal_names_is_needed_until_its_document_is_gone_for_good() {
    let site = Site::new();
    let all = of(&["a.png", "b.png", "shared.png"]);
    assert_eq!(site.prune(&[])["removed"]["count"], 0);
    // The author takes a picture out; the original can still be put back.
    let edited: String = site.case.text("posts/a.md").lines().skip(1).collect();
    site.case.write("posts/a.md", edited);
    site.sync();
    assert_eq!(site.prune(&[])["removed"]["count"], 0);
    assert_eq!(site.held(), all);

    fs::remove_file(site.case.at("posts/2021/b.md")).unwrap();
    assert_eq!(site.prune(&[])["removed"]["count"], 0);
    fs::remove_dir(site.case.at("posts/2021")).unwrap();
    site.sync();
    let released = |days: i64| {
        let update = "UPDATE document SET released = unixepoch() * 1000 - ?1 * 86400000 WHERE released IS NOT NULL";
        catalog(&site.case, ".mirror").execute(update, [days]).unwrap();
    };
    released(29);
    assert_eq!(site.prune(&[])["removed"]["count"], 0);
    assert_eq!(site.held(), all);
    released(30);
    let plan = site.prune(&[]);
    assert_eq!((&plan["journals"]["count"], &plan["removed"]["names"][0]), (&1.into(), &name("b.png").into()));
    assert_eq!(site.held(), of(&["a.png", "shared.png"]));
    let day = names(&site.case.at(".mirror/trash")).remove(0);
    assert!(site.case.exists(format!(".mirror/trash/{day}/{}", name("b.png"))));
    assert!(!site.case.exists(".mirror/documents"));
}

#[test]
fn a_folder_of_posts_that_is_not_there_empties_nothing() {
    let site = Site::new();
    fs::rename(site.case.at("posts/2021"), site.case.at("elsewhere")).unwrap();
    site.case.run(1, &["prune", "--yes", "-o=.mirror"]).stderr_has("posts/2021").stderr_has("nothing was removed");
    fs::rename(site.case.at("posts"), site.case.at("posts.away")).unwrap();
    site.case.run(1, &["prune", "--yes", "-o=.mirror"]).stderr_has("posts is not there");
    fs::rename(site.case.at("posts.away"), site.case.at("posts")).unwrap();
    fs::rename(site.case.at("elsewhere"), site.case.at("posts/2021")).unwrap();
    fs::rename(site.case.at("site"), site.case.at("site.away")).unwrap();
    site.case.run(1, &["prune", "--yes", "-o=.mirror"]).stderr_has("site/i").stderr_has("nothing was removed");
    fs::rename(site.case.at("site.away"), site.case.at("site")).unwrap();
    assert_eq!(site.prune(&[])["removed"]["count"], 0);
    assert_eq!(site.held().len(), 3);
}

#[test]
fn posts_that_were_edited_keep_their_pictures_though_the_catalog_was_lost() {
    let site = Site::new();
    for name in names(&site.case.at(".mirror")).iter().filter(|name| name.starts_with("catalog")) {
        fs::remove_file(site.case.at(".mirror").join(name)).unwrap();
    }
    site.case.write("posts/c.md", page(&["c.png"]));
    site.sync();
    let plan = site.prune(&["--yes"]);
    assert_eq!((&plan["removed"]["count"], &plan["named"]["count"]), (&0.into(), &3.into()));
    assert_eq!(site.held().len(), 4);
}
