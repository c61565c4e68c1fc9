//! The collection: articles in the markup of feeds that were saved as text, and their pictures at four origins.
//!
//! It is the same in every run: everything comes from one seed.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use fastrand::Rng;
use sha2::{Digest as _, Sha256};

use super::pictures::jpeg;

/// Origins, each with a port of its own.
pub const ORIGINS: usize = 4;
/// What stands before every picture's URL, as in the articles that the markup was taken from.
const PROXY: &str = "https://cors.zfour.workers.dev/?";
/// Bytes of the picture in the middle of all sizes.
const MEDIAN: f64 = 60.0 * 1024.0;
/// The standard deviation of the sizes' logarithm. With [`MEDIAN`] it makes a mean of 78 KB.
const SIGMA: f64 = 0.7;
const SIZES: std::ops::Range<f64> = 1024.0..2_097_152.0;
/// Every so many pictures one has the bytes of an earlier one.
const DUPLICATES: usize = 10;

#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub documents: usize,
    pub pictures: usize,
}

/// What there is to get.
pub struct Collection {
    pub size: Size,
    /// Of each picture; a picture's path is made from its place here.
    digests: Vec<String>,
    pub bytes: u64,
}

impl Collection {
    /// Writes the pictures below `root`, each at the path that its URL has at its origin.
    pub fn make(size: Size, root: &Path) -> anyhow::Result<Self> {
        let (mut rng, mut bytes, mut digests) = (Rng::with_seed(7), 0, Vec::<String>::new());
        for number in 0..size.pictures {
            let path = root.join(path(number));
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            if number % DUPLICATES == DUPLICATES - 1 {
                let earlier = number - 1 - rng.usize(..DUPLICATES - 1);
                bytes += fs::copy(root.join(self::path(earlier)), path)?;
                digests.push(digests[earlier].clone());
                continue;
            }
            let picture = jpeg(&mut rng.fork(), log_normal(&mut rng));
            fs::write(path, &picture)?;
            bytes += picture.len() as u64;
            digests.push(hex::encode(Sha256::digest(&picture)));
        }
        Ok(Collection { size, digests, bytes })
    }

    /// The digests of all files that a tool should have which keeps one for each URL, sorted.
    pub fn files(&self) -> Vec<String> {
        let mut digests = self.digests.clone();
        digests.sort();
        digests
    }

    /// The digests of all different pictures.
    pub fn distinct(&self) -> BTreeSet<String> {
        self.digests.iter().cloned().collect()
    }

    /// The URL and the path of every picture at origins on `ports`.
    pub fn urls(&self, ports: [u16; ORIGINS]) -> impl Iterator<Item = (String, String)> {
        (0..self.size.pictures).map(move |number| (url(number, ports), path(number)))
    }

    /// Writes the articles into the folder `into`.
    pub fn write_articles(&self, ports: [u16; ORIGINS], into: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(into)?;
        let mut rng = Rng::with_seed(8);
        let share = self.size.pictures.div_ceil(self.size.documents.max(1));
        for number in 0..self.size.documents {
            let first = (number * share).min(self.size.pictures);
            let last = (first + share).min(self.size.pictures);
            let urls: Vec<_> = (first..last).map(|picture| url(picture, ports)).collect();
            fs::write(into.join(format!("{number:05}.txt")), article(number, &urls, &mut rng))?;
        }
        Ok(())
    }
}

/// Where a picture lies at its origin: unique over all of them, since some tools put all into one folder.
fn path(number: usize) -> String {
    format!("{:03}/{number:06}_1024.jpg", number % 199)
}

fn url(number: usize, ports: [u16; ORIGINS]) -> String {
    format!("http://127.0.0.1:{}/{}", ports[number % ORIGINS], path(number))
}

fn log_normal(rng: &mut Rng) -> usize {
    // Box and Muller's transform.
    let (u, v) = (1.0 - rng.f64(), rng.f64());
    let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
    (MEDIAN * (SIGMA * normal).exp()).clamp(SIZES.start, SIZES.end) as usize
}

/// An article: front matter with two links to its first picture, then text and pictures, each linked twice.
fn article(number: usize, urls: &[String], rng: &mut Rng) -> String {
    let head = urls.first().map(|url| format!("{PROXY}{url}")).unwrap_or_default();
    let mut text = format!(
        "\n---\ntitle: '青石桥的第 {number} 天'\ncategories: \n - 新媒体\n - ZAKER\n - source\nheadimg: '{head}'\n\
         author: ZAKER\ncomments: false\ndate: Wed, 30 Jun 2021 03:10:28 GMT\nthumbnail: '{head}'\n---\n\n<div>   \n"
    );
    for (id, url) in urls.iter().enumerate() {
        let (height, width) = (rng.u16(300..1100), rng.u16(300..1100));
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "<p></p><div class=\"img_box\" id=\"id_imagebox_{id}\" onclick><div class=\"content_img_div \
             perview_img_div\"><img class=\"lazy opacity_0 \" id=\"img_{id}\" data-original=\"{url}\" \
             data-height=\"{height}\" data-width=\"{width}\" src=\"{PROXY}{url}\" referrerpolicy=\"no-referrer\">\
             </div></div>"
        );
        let sentence = "桥有三个孔，长不过四十步。镇上的老人说，小时候从东头跑到西头，数到二十就到了。";
        let _ = write!(text, "<p>{}</p>", sentence.repeat(rng.usize(1..4)));
    }
    text.push_str("<p></p>  \n</div>\n");
    text
}
