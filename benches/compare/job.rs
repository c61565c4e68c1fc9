//! One tool's work: everything twice, the second time with nothing changed.

use std::fs;
use std::path::{Path, PathBuf};

use super::collection::Collection;
use super::measure::{Cost, measure, output};
use super::origin::Origin;
use super::tools::{Kind, Tool};
use super::verify;

/// The work as each tool wants to have it.
pub struct Job<'a> {
    collection: &'a Collection,
    folder: PathBuf,
    pub concurrency: usize,
}

/// What one round showed of one tool.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    pub first: Cost,
    pub second: Cost,
    /// As the origins counted them in the second run.
    pub second_requests: u64,
}

impl<'a> Job<'a> {
    /// Writes articles and lists for `origin` into `folder`.
    pub fn prepare(
        collection: &'a Collection,
        origin: &Origin,
        folder: &Path,
        concurrency: usize,
    ) -> anyhow::Result<Self> {
        let job = Job { collection, folder: folder.to_owned(), concurrency };
        collection.write_articles(origin.ports, &job.articles())?;
        let urls: Vec<_> = collection.urls(origin.ports).collect();
        let list = |line: &dyn Fn(&(String, String)) -> String| urls.iter().map(line).collect::<String>();
        let out = job.out();
        let out = out.display();
        fs::write(job.list(), list(&|(url, _)| format!("{url}\n")))?;
        fs::write(job.aria2_list(), list(&|(url, path)| format!("{url}\n out={path}\n")))?;
        let curl = |(url, path): &(String, String)| format!("url=\"{url}\"\noutput=\"{out}/{path}\"\n");
        fs::write(job.curl_list(), list(&curl))?;
        // A condition stands for one transfer, so each needs a section of its own.
        let again = |(url, path): &(String, String)| {
            format!("url=\"{url}\"\noutput=\"{out}/{path}\"\ntime-cond=\"{out}/{path}\"\nremote-time\nsilent\nnext\n")
        };
        fs::write(job.curl_again_list(), list(&again).trim_end_matches("next\n"))?;
        Ok(job)
    }

    /// Runs `tool` twice and checks what it has after each.
    pub fn measure(&self, tool: &Tool, origin: &Origin) -> anyhow::Result<Measured> {
        let out = self.out();
        if out.exists() {
            fs::remove_dir_all(&out)?;
        }
        fs::create_dir_all(&out)?;
        let first = measure(tool.first(self), &self.folder, &[])?;
        self.verify(tool)?;
        let before = origin.requests()?;
        let second = measure(tool.second(self), &self.folder, tool.fine_when_nothing_changed())?;
        // The first question was answered in between.
        let second_requests = origin.requests()? - before - 1;
        self.verify(tool)?;
        if tool.kind == Kind::Imgmirror {
            let told: serde_json::Value = serde_json::from_str(&output(&self.folder)?)?;
            anyhow::ensure!(told["documents"]["written"] == 0, "the second run wrote documents");
        }
        fs::remove_dir_all(out)?;
        Ok(Measured { first, second, second_requests })
    }

    fn verify(&self, tool: &Tool) -> anyhow::Result<()> {
        match tool.kind {
            Kind::Imgmirror => verify::mirror(self.collection, &self.out()),
            Kind::Img2dataset => verify::one_for_each_url(self.collection, &self.out(), &[".json", ".parquet"]),
            _ => verify::one_for_each_url(self.collection, &self.out(), &[]),
        }
    }

    /// Where a tool puts what it gets.
    pub fn out(&self) -> PathBuf {
        self.folder.join("out")
    }

    pub fn articles(&self) -> PathBuf {
        self.folder.join("articles")
    }

    pub fn list(&self) -> PathBuf {
        self.folder.join("urls.txt")
    }

    pub fn aria2_list(&self) -> PathBuf {
        self.folder.join("aria2.txt")
    }

    pub fn curl_list(&self) -> PathBuf {
        self.folder.join("curl.txt")
    }

    pub fn curl_again_list(&self) -> PathBuf {
        self.folder.join("curl-again.txt")
    }
}
