//! Which keys of front matter hold pictures, as data.
//!
//! Keys are compared without regard to case, hyphens, underscores and camel case: `header-img`, `headerImg` and
//! `header_img` are one key.

/// Keys of themes and site generators that always hold a picture, in the form in which they are compared.
const PICTURE_KEYS: &[&str] = &[
    "background",
    "backgroundimage",
    "bannerimg",
    "coverimg",
    "feature",
    "featured",
    "featuredimage",
    "featuredimagepreview",
    "figure",
    "galleryimages",
    "headerimg",
    "headimg",
    "hero",
    "heroimage",
    "indeximg",
    "lqip",
    "ogimage",
    "ogimg",
    "shareimg",
    "socialmediacard",
    "splash",
    "teaser",
    "thumbnailimg",
    "topimg",
    "twitterimage",
    "wallpaper",
];

/// A key that has one of these words in it names a picture.
const PICTURE_WORDS: &[&str] = &[
    "avatar",
    "banner",
    "cover",
    "favicon",
    "galleries",
    "gallery",
    "icon",
    "image",
    "img",
    "imgs",
    "logo",
    "photo",
    "pic",
    "picture",
    "poster",
    "screenshot",
    "thumb",
    "thumbnail",
];

/// A key that has one of these words in it says something about a picture, or leads to a page about it.
const DOUBTFUL_WORDS: &[&str] = &[
    "album",
    "albums",
    "alt",
    "attribution",
    "author",
    "by",
    "caption",
    "class",
    "color",
    "colour",
    "credit",
    "credits",
    "desc",
    "description",
    "height",
    "href",
    "id",
    "license",
    "link",
    "links",
    "page",
    "position",
    "ref",
    "size",
    "source",
    "style",
    "text",
    "title",
    "type",
    "website",
    "width",
];

/// Keys that say nothing of themselves: what they hold is what the key above them says.
const GENERIC_KEYS: &[&str] = &[
    "absolute", "dark", "default", "desktop", "file", "filename", "full", "href", "large", "light", "link", "local",
    "medium", "mobile", "original", "path", "raw", "remote", "small", "source", "src", "uri", "url",
];

/// Keys whose entries may be pictures among other files.
const FILE_KEYS: &[&str] = &["attachments", "files", "media", "resources"];

/// What a path of keys says about its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Other,
    /// A picture, if the URL names an image.
    Doubtful,
    Picture,
}

/// The keys that hold pictures: the table, and what the user adds to it.
#[derive(Debug, Default, Clone)]
pub struct Keys {
    extra: Vec<Vec<String>>,
}

impl Keys {
    /// The table and `extra`. A key of the user's may be a path joined by dots (`gallery.full`): it is compared with
    /// the end of the path.
    pub fn with(extra: &[String]) -> Self {
        let path = |key: &String| key.split('.').map(comparable).filter(|part| !part.is_empty()).collect();
        Keys { extra: extra.iter().map(path).filter(|path: &Vec<String>| !path.is_empty()).collect() }
    }

    /// Judges a path of keys, outermost first.
    pub fn judge(&self, path: &[String]) -> Verdict {
        let Some((leaf, above)) = path.split_last() else { return Verdict::Other };
        if self.extra.iter().any(|extra| ends_with(path, extra)) {
            return Verdict::Picture;
        }
        let own = judge_key(leaf);
        if own != Verdict::Other {
            return own;
        }
        if !is_one_of(leaf, GENERIC_KEYS) {
            // In a map of pictures each may be called as its author liked.
            let among_pictures = above.last().is_some_and(|key| judge_key(key) == Verdict::Picture);
            let is_one = among_pictures && !has_word(&words(leaf), DOUBTFUL_WORDS);
            return if is_one { Verdict::Doubtful } else { Verdict::Other };
        }
        let Some(named) = above.iter().rev().find(|key| !is_one_of(key, GENERIC_KEYS)) else { return Verdict::Other };
        let verdict = if is_one_of(named, FILE_KEYS) { Verdict::Doubtful } else { judge_key(named) };
        if is_one_of(leaf, DOUBTFUL_WORDS) { verdict.min(Verdict::Doubtful) } else { verdict }
    }
}

/// Whether a key by itself says that it holds a picture.
pub(super) fn names_picture(key: &str) -> bool {
    judge_key(key) == Verdict::Picture
}

fn judge_key(key: &str) -> Verdict {
    let comparable = comparable(key);
    if PICTURE_KEYS.binary_search(&comparable.as_str()).is_ok() {
        return Verdict::Picture;
    }
    let words = words(key);
    let compound = ["image", "img"].iter().any(|word| comparable.starts_with(word) || comparable.ends_with(word));
    match (has_word(&words, PICTURE_WORDS), has_word(&words, DOUBTFUL_WORDS)) {
        (true, false) => Verdict::Picture,
        (true, true) => Verdict::Doubtful,
        (false, _) if compound => Verdict::Doubtful,
        (false, _) => Verdict::Other,
    }
}

/// Whether one of `words` is in `list`, in singular or plural.
fn has_word(words: &[String], list: &[&str]) -> bool {
    let singular = |word: &str| word.strip_suffix('s').is_some_and(|singular| list.contains(&singular));
    words.iter().any(|word| list.contains(&word.as_str()) || singular(word))
}

fn is_one_of(key: &str, list: &[&str]) -> bool {
    list.contains(&comparable(key).as_str())
}

fn ends_with(path: &[String], end: &[String]) -> bool {
    path.len() >= end.len()
        && path[path.len() - end.len()..].iter().zip(end).all(|(key, want)| comparable(key) == *want)
}

/// The form in which keys are compared: letters and digits, in lower case.
fn comparable(key: &str) -> String {
    let mut comparable = String::with_capacity(key.len());
    if key.is_ascii() {
        comparable.extend(key.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()));
    } else {
        comparable.extend(key.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase));
    }
    comparable
}

/// The words of a key, in lower case: `top_img`, `header-img`, `featuredImage`, `image2`.
fn words(key: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut previous = ' ';
    for c in key.chars() {
        let begins = (c.is_uppercase() && !previous.is_uppercase()) || !c.is_alphabetic();
        if begins && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if c.is_alphabetic()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
        previous = c;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(path: &str) -> Verdict {
        let path: Vec<_> = path.split('.').map(str::to_owned).collect();
        Keys::default().judge(&path)
    }

    #[test]
    fn the_table_is_sorted_and_written_as_compared() {
        assert!(PICTURE_KEYS.is_sorted());
        assert!(PICTURE_KEYS.iter().all(|key| comparable(key) == **key));
    }

    #[test]
    fn keys_of_known_themes_hold_pictures() {
        for key in [
            "headimg",
            "thumbnail",
            "cover",
            "top_img",
            "index_img",
            "banner_img",
            "og_img",
            "og_image",
            "photos",
            "img",
            "coverImg",
            "banner",
            "icon",
            "poster",
            "image",
            "image.path",
            "image.lqip",
            "header.image",
            "header.overlay_image",
            "header.teaser",
            "header.og_image",
            "gallery.url",
            "gallery.image_path",
            "header-img",
            "cover-img",
            "thumbnail-img",
            "share-img",
            "cover.image",
            "images",
            "featured_image",
            "featuredImage",
            "featuredImagePreview",
            "extra.local_image",
            "extra.remote_image",
            "extra.remote_image_dark",
            "social_media_card",
            "feature",
            "heroImage",
            "ogImage",
            "twitterImage",
            "galleryImages",
            "photos.src",
            "albums.cover",
            "links.image",
            "links.avatar",
            "COVER",
            "Cover_Image",
            "imgs",
            "pictures",
            "image2",
            "images.large.url",
            "background_image",
        ] {
            assert_eq!(judge(key), Verdict::Picture, "{key}");
        }
    }

    #[test]
    fn keys_about_a_picture_are_doubtful() {
        for key in [
            "image_alt",
            "image-caption",
            "photo_credit",
            "cover_link",
            "cover.link",
            "image.source",
            "resources.src",
            "imageurl",
            "pilgrimage",
            "image_url_text",
            "photos.href",
            "images.a",
            "covers.第一",
        ] {
            assert_eq!(judge(key), Verdict::Doubtful, "{key}");
        }
    }

    #[test]
    fn other_keys_are_left_alone() {
        for key in [
            "title",
            "links",
            "link",
            "url",
            "permalink",
            "photos.title",
            "photos.author.url",
            "photos.author",
            "images.a.b",
            "image.alt",
            "discover",
            "discovery",
            "iconic",
            "source",
            "src",
            "header.video.url",
            "social.url",
            "tags",
            "",
            "封面",
        ] {
            assert_eq!(judge(key), Verdict::Other, "{key}");
        }
    }

    #[test]
    fn keys_of_the_users_are_paths_from_the_end() {
        let keys = Keys::with(&["封面".to_owned(), "Box.Full-Size".to_owned(), ".".to_owned()]);
        let judge = |path: &[&str]| keys.judge(&path.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>());
        assert_eq!(judge(&["a", "封面"]), Verdict::Picture);
        assert_eq!(judge(&["a", "box", "fullsize"]), Verdict::Picture);
        assert_eq!(judge(&["fullsize"]), Verdict::Other);
        assert_eq!(judge(&[]), Verdict::Other);
    }
}
