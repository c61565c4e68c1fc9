//! What stands where a picture is missing, and where something would play.

use url::Url;

use super::node::{Element, Node, Picture, Value};
use crate::sanitize;

/// Whether what is built may have links of its own: it stands in a link, or it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Around {
    Text,
    Link,
}

/// Hosts whose frames play something.
const VIDEO_HOSTS: &[&str] = &[
    "acfun.cn",
    "bilibili.com",
    "dailymotion.com",
    "douyin.com",
    "facebook.com",
    "iqiyi.com",
    "ixigua.com",
    "mgtv.com",
    "miaopai.com",
    "qq.com",
    "rutube.ru",
    "sohu.com",
    "ted.com",
    "tiktok.com",
    "tudou.com",
    "twitch.tv",
    "vimeo.com",
    "weibo.com",
    "wistia.com",
    "wistia.net",
    "youku.com",
    "youtu.be",
    "youtube-nocookie.com",
    "youtube.com",
];

/// What a card stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Video,
    Audio,
    /// A page in a frame.
    Frame,
    /// A picture of a type that browsers do not show.
    Unshown,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Video => "Video",
            Kind::Audio => "Audio",
            Kind::Frame => "Embedded page",
            Kind::Unshown => "Picture",
        }
    }

    /// What a frame of this URL shows.
    pub fn of_frame(url: &Url) -> Self {
        let host = url.host_str().unwrap_or_default();
        let is_of = |known: &&str| host.strip_suffix(*known).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        let plays =
            ["player", "video", "vod", "embed"].iter().any(|word| url.path().contains(word) || host.contains(word));
        if VIDEO_HOSTS.iter().any(is_of) || plays { Kind::Video } else { Kind::Frame }
    }
}

/// A picture that should be here, and why it is not.
pub fn placeholder(alt: &str, url: &str, reason: &str, around: Around) -> Node {
    let mut missing = Element::new("span").with("class", "im-missing").with("role", "note");
    missing = missing.child(Element::new("b").child("This picture is missing"));
    if !alt.trim().is_empty() {
        missing = missing.child(Element::new("span").child(alt.trim())).child(Element::new("br"));
    }
    let shown = sanitize::for_terminal_limited(url, 2000);
    let address = Element::new("span").with("class", "im-url").child(&*shown);
    missing = missing.child(match (around, Url::parse(url)) {
        (Around::Text, Ok(_)) if is_outward(url) => outward(url).child(address).into(),
        _ => Node::from(address),
    });
    let reason = sanitize::for_terminal_limited(reason, 500);
    missing.child(Element::new("br")).child(Element::new("small").child(format!("Reason: {reason}").as_str())).into()
}

/// A card in place of something that plays.
pub fn card(kind: Kind, title: &str, url: Option<&str>, poster: Option<Picture>, around: Around) -> Node {
    let mut card = Element::new("span").with("class", "im-card");
    if let Some(poster) = poster {
        card = card.child(Element::new("img").value("src", Value::Picture(poster, None)).with("alt", ""));
    }
    let title = title.trim();
    let heading = if title.is_empty() { kind.word().to_owned() } else { format!("{}: {title}", kind.word()) };
    card = card.child(Element::new("b").child(heading.as_str()));
    let Some(url) = url.filter(|url| is_outward(url)) else {
        return card.child(Element::new("small").child("It is not part of this copy.")).into();
    };
    let shown = sanitize::for_terminal_limited(url, 2000);
    let address = Element::new("span").with("class", "im-url").child(&*shown);
    match around {
        Around::Text => card.child(outward(url).child(address)).into(),
        Around::Link => card.child(address).into(),
    }
}

/// A picture that browsers do not show, as a link to its file.
pub fn unshown(picture: Picture, alt: &str, around: Around) -> Node {
    let about = format!("{} (browsers do not show this type)", picture.blob.media_type);
    let card = Element::new("span").with("class", "im-card");
    let title = if alt.trim().is_empty() { Kind::Unshown.word().to_owned() } else { alt.trim().to_owned() };
    let card = card.child(Element::new("b").child(title.as_str()));
    match around {
        Around::Text => {
            card.child(Element::new("a").value("href", Value::Picture(picture, None)).child(about.as_str()))
        }
        Around::Link => card.child(about.as_str()),
    }
    .into()
}

/// A link out of the page.
pub fn outward(url: &str) -> Element {
    Element::new("a").value("href", Value::Outward(url.to_owned())).with("rel", "noreferrer noopener")
}

/// Whether a person may follow a link to this URL.
pub fn is_outward(url: &str) -> bool {
    ["http://", "https://", "mailto:"].iter().any(|scheme| url.starts_with(scheme))
}
