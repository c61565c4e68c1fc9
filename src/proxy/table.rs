//! The forms of proxies that are known, one row a form.
//!
//! A row says on which hosts (or behind which path segment, on any host), in which shape, and what a missing scheme
//! means. Adding a proxy is adding a row with an example; a test peels every example.
//!
//! Not in the table, on purpose:
//! - IPFS gateways (`gateway/ipfs/CID/path`, `CID.ipfs.gateway`): the address names the content, not another URL.
//! - Opaque and encrypted forms (imgproxy `/enc/`, `googleusercontent.com/proxy` without a fragment, Reddit's and
//!   Facebook's signed hosts): nothing can be read out of them.
//! - Any host with a URL in its query: that is also how fallback pictures, trackers, badges and share links look.

use super::inner::Bare::{self, Http, Https, Never, Same, Site};
use super::shape::{Param, Path, Shape, Skip, Tail};

/// Raised when the code that reads a shape changes its results: documents are then collected anew.
pub(super) const VERSION: u32 = 1;

/// One form of one family of proxies.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) family: &'static str,
    pub(super) on: On,
    pub(super) shape: Shape,
    pub(super) bare: Bare,
    /// A proxied URL of this form, for people and for the tests.
    pub(super) example: &'static str,
}

/// Where a form is looked for.
#[derive(Debug)]
pub(super) enum On {
    /// On these hosts: `host`, or one `*` that stands for any beginning of a host: `*.workers.dev`, `i*.wp.com`.
    Hosts(&'static [&'static str]),
    /// On any host, at the first segments of the path that equal one of these, or begin with it where it ends in `*`.
    Segments(&'static [&'static str]),
    /// On any host, at segments that look like a digest.
    Digests,
}

const fn row(family: &'static str, on: On, shape: Shape, bare: Bare, example: &'static str) -> Row {
    Row { family, on, shape, bare, example }
}

const fn hosts(hosts: &'static [&'static str]) -> On {
    On::Hosts(hosts)
}

const fn segments(segments: &'static [&'static str]) -> On {
    On::Segments(segments)
}

const fn param(
    paths: &'static [&'static str],
    keys: &'static [&'static str],
    options: &'static [&'static str],
) -> Shape {
    Shape::Param(Param { paths, keys, options })
}

const fn path(under: &'static str, skip: Skip, tail: Tail) -> Shape {
    Shape::Path(Path { under, skip, tail })
}

/// Every path.
const ANY: &[&str] = &[];
/// No options of its own.
const NONE: &[&str] = &[];
const URL: &[&str] = &["url"];
const SRC: &[&str] = &["src"];

/// The options of images.weserv.nl, from its documentation. `default` holds a fallback picture, never the original.
const WESERV: &[&str] = &[
    "w",
    "h",
    "dpr",
    "fit",
    "we",
    "cbg",
    "a",
    "fpx",
    "fpy",
    "crop",
    "cx",
    "cy",
    "cw",
    "ch",
    "precrop",
    "trim",
    "mask",
    "mtrim",
    "mbg",
    "flip",
    "flop",
    "ro",
    "rbg",
    "mod",
    "sat",
    "hue",
    "sharp",
    "con",
    "gam",
    "filt",
    "start",
    "stop",
    "tint",
    "blur",
    "bg",
    "output",
    "q",
    "l",
    "ll",
    "il",
    "af",
    "page",
    "n",
    "default",
    "errorredirect",
    "encoding",
    "filename",
    "maxage",
    "loop",
    "delay",
    "fsol",
];
/// The options of the scripts and endpoints that resize by width, height and quality.
const RESIZE: &[&str] = &["w", "h", "q", "a", "zc", "f", "s", "cc", "ct", "t", "dpr", "fm", "fit", "position", "v"];

#[rustfmt::skip]
pub(super) const TABLE: &[Row] = &[
    // Relays for cross-origin requests.
    row("cloudflare-cors-anywhere", hosts(&["*.workers.dev", "cors.io"]), Shape::BareQuery, Never,
        "https://cors.zfour.workers.dev/?http://host.example/a.jpg"),
    row("cors-anywhere on workers.dev", hosts(&["*.workers.dev"]), path("", Skip::Nothing, Tail::Inner), Never,
        "https://our-corsproxy.someone.workers.dev/https://host.example/a.jpg"),
    row("cors-anywhere", hosts(&["cors-anywhere.herokuapp.com", "cors-anywhere.com", "proxy.cors.sh", "cors.bridged.cc",
            "cors.streetwriters.co", "cors.notesnook.com", "crossorigin.me", "cors.eu.org"]),
        path("", Skip::Nothing, Tail::Inner), Http,
        "https://cors-anywhere.herokuapp.com/host.example/a.jpg"),
    row("corsproxy.io", hosts(&["corsproxy.io", "*.corsproxy.io"]), Shape::BareQuery, Never,
        "https://corsproxy.io/?https%3A%2F%2Fhost.example%2Fa.jpg"),
    row("corsproxy.io", hosts(&["corsproxy.io", "*.corsproxy.io"]), param(ANY, URL, &["key"]), Never,
        "https://corsproxy.io/?url=https%3A%2F%2Fhost.example%2Fa.jpg"),
    row("corsproxy.io", hosts(&["corsproxy.io", "*.corsproxy.io"]), path("", Skip::Nothing, Tail::Inner), Never,
        "https://corsproxy.io/https://host.example/a.jpg"),
    row("allorigins", hosts(&["allorigins.win", "*.allorigins.win", "allorigins.me", "*.allorigins.ml",
            "allorigins.hexlet.app"]),
        param(&["/raw", "/get"], URL, &["charset", "callback", "method", "disableCache"]), Never,
        "https://api.allorigins.win/raw?url=https%3A%2F%2Fhost.example%2Fa.jpg"),
    row("jsonp.afeld.me", hosts(&["jsonp.afeld.me"]), param(ANY, URL, &["callback"]), Never,
        "https://jsonp.afeld.me/?url=https%3A%2F%2Fhost.example%2Fa.jpg"),
    row("thingproxy", hosts(&["thingproxy.freeboard.io"]), path("fetch/", Skip::Nothing, Tail::Inner), Never,
        "https://thingproxy.freeboard.io/fetch/https://host.example/a.jpg"),
    row("codetabs", hosts(&["api.codetabs.com"]), param(&["/v1/proxy", "/v1/tmp"], &["quest"], NONE), Http,
        "https://api.codetabs.com/v1/proxy?quest=https://host.example/a.jpg"),

    // Image proxies and resizers with a host of their own.
    row("weserv", hosts(&["wsrv.nl", "images.weserv.nl"]), param(ANY, URL, WESERV), Http,
        "https://wsrv.nl/?url=ssl:host.example/a.jpg&w=300"),
    row("Photon", hosts(&["i*.wp.com"]), Shape::Photon, Http,
        "https://i0.wp.com/host.example/a.jpg?ssl=1&resize=300,200"),
    row("Cloudinary fetch", hosts(&["*.cloudinary.com"]), path("*/image/fetch/", Skip::ToScheme, Tail::Own), Never,
        "https://res.cloudinary.com/demo/image/fetch/s--AbCdEfGh--/w_300,c_fill/https://host.example/a.jpg%3Fv=1"),
    row("Substack", hosts(&["substackcdn.com", "cdn.substack.com"]), path("image/fetch/", Skip::ToScheme, Tail::Own), Never,
        "https://substackcdn.com/image/fetch/$s_!AbCd!,w_1456,c_limit/https%3A%2F%2Fhost.example%2Fa.jpg"),
    row("DuckDuckGo", hosts(&["external-content.duckduckgo.com", "proxy.duckduckgo.com", "images.duckduckgo.com"]),
        param(&["/iu"], &["u"], &["f", "nofb", "ipt", "ipo"]), Never,
        "https://external-content.duckduckgo.com/iu/?u=https%3A%2F%2Fhost.example%2Fa.jpg&f=1&nofb=1"),
    row("Google gadgets", hosts(&["*.googleusercontent.com"]),
        param(&["/gadgets/proxy"], URL, &["container", "refresh", "resize_w", "resize_h", "gadget", "rewriteMime"]), Never,
        "https://images1-focus-opensocial.googleusercontent.com/gadgets/proxy?container=focus&url=https%3A%2F%2Fhost.example%2Fa.jpg"),
    row("Gmail", hosts(&["*.googleusercontent.com"]), Shape::Fragment, Never,
        "https://ci3.googleusercontent.com/proxy/AbCdEf=s0-d-e1-ft#https://host.example/a.jpg"),
    row("AMP cache", hosts(&["*.cdn.ampproject.org"]), Shape::Amp, Http,
        "https://host-example.cdn.ampproject.org/ii/w820/s/host.example/a.jpg"),
    row("statically", hosts(&["cdn.statically.io"]), Shape::HostThenOptions, Https,
        "https://cdn.statically.io/img/host.example/f=auto,w=600/a.jpg"),
    row("ImageKit", hosts(&["ik.imagekit.io"]),
        path("", Skip::ToScheme, Tail::Options(&["tr", "updatedAt", "ik-sdk-version", "ik-s", "ik-t"])), Never,
        "https://ik.imagekit.io/demo/tr:w-300/https://host.example/a.jpg"),
    row("imgix", hosts(&["*.imgix.net"]), path("", Skip::Nothing, Tail::Own), Never,
        "https://demo.imgix.net/https%3A%2F%2Fhost.example%2Fa.jpg?w=300&s=0123456789abcdef"),
    row("xuehuaimg", hosts(&["pic1.xuehuaimg.com"]), path("proxy/", Skip::ToHost, Tail::Inner), Https,
        "https://pic1.xuehuaimg.com/proxy/csdn/https://host.example/a.jpg"),
    row("webmasterapi", hosts(&["ip.webmasterapi.com"]), path("api/imageproxy/", Skip::ToHost, Tail::Inner), Http,
        "https://ip.webmasterapi.com/api/imageproxy/https://host.example/a.jpg"),
    row("Pixnet", hosts(&["imageproxy.pimg.tw"]), param(&["/resize"], URL, &["width", "height", "maxwidth", "maxheight"]), Never,
        "https://imageproxy.pimg.tw/resize?url=https://host.example/a.jpg"),
    row("ShortPixel", hosts(&["*.shortpixel.ai"]), path("client/", Skip::One, Tail::Inner), Never,
        "https://cdn.shortpixel.ai/client/q_glossy,ret_img,w_300/https://host.example/a.jpg"),
    row("ShortPixel", hosts(&["*.shortpixel.ai"]), path("spai/", Skip::One, Tail::Inner), Https,
        "https://cdn.shortpixel.ai/spai/q_lossy+w_128+to_webp+ret_img/host.example/a.jpg"),
    row("Pocket", hosts(&["pocket-image-cache.com"]), param(&["/direct"], URL, &["resize"]), Never,
        "https://pocket-image-cache.com/direct?url=https%3A%2F%2Fhost.example%2Fa.jpg&resize=w2000"),
    row("Embedly", hosts(&["i.embed.ly", "i-cdn.embed.ly"]),
        param(ANY, URL, &["key", "width", "height", "quality", "grow", "animate", "compresspng", "errorurl"]), Never,
        "https://i.embed.ly/1/display/resize?url=https%3A%2F%2Fhost.example%2Fa.jpg&key=0123&width=300"),
    row("Slack", hosts(&["slack-imgs.com"]), param(ANY, URL, &["c", "o1", "o2"]), Never,
        "https://slack-imgs.com/?c=1&o1=ro&url=https%3A%2F%2Fhost.example%2Fa.jpg"),
    row("Discord", hosts(&["images-ext-*.discordapp.net", "media.discordapp.net"]), Shape::SchemeSegment, Never,
        "https://images-ext-1.discordapp.net/external/AbCd_0123/%3Fv%3D1/https/host.example/a.jpg?width=300"),
    row("Facebook", hosts(&["external*.fbcdn.net", "*.facebook.com"]), param(&["/safe_image.php"], URL, &["d", "w", "h", "cfs", "_nc_hash"]), Never,
        "https://external.xx.fbcdn.net/safe_image.php?d=AQ&w=300&url=https%3A%2F%2Fhost.example%2Fa.jpg"),
    row("Bing", hosts(&["th.bing.com", "*.bing.net"]), param(ANY, &["riu", "rurl"], &["ehk", "risl", "pid", "rik", "r", "w", "h", "c", "rs", "qlt"]), Never,
        "https://th.bing.com/th/id/R.0123?rik=Ab&riu=http%3a%2f%2fhost.example%2fa.jpg&ehk=Cd"),
    row("Yahoo", hosts(&["*.yimg.com"]), Shape::Yahoo, Never,
        "https://s.yimg.com/ny/api/res/1.2/AbCd--/YXBwaWQ-/https://host.example/a.jpg.cf.jpg"),
    row("FT", hosts(&["images.ft.com"]), path("v3/image/raw/", Skip::Nothing, Tail::Own), Never,
        "https://images.ft.com/v3/image/raw/https%3A%2F%2Fhost.example%2Fa.jpg?source=next&width=300"),

    // Chinese, Korean and Japanese services.
    row("Baidu image search", hosts(&["gimg*.baidu.com"]), Shape::PathParams, Never,
        "https://gimg2.baidu.com/image_search/src=http%3A%2F%2Fhost.example%2Fa.jpg&refer=http%3A%2F%2Fhost.example&app=2002&fmt=jpeg?sec=1&t=0123"),
    row("Baidu timg", hosts(&["timg*.baidu.com", "timg*.bdimg.com", "timg*.bdstatic.com"]),
        param(&["*/timg"], SRC, &["quality", "size", "sec", "di", "imgtype", "er"]), Never,
        "https://timgsa.baidu.com/timg?image&quality=80&size=b9999_10000&src=http%3A%2F%2Fhost.example%2Fa.jpg"),
    row("Baidu download", hosts(&["image.baidu.com"]),
        param(&["/search/down"], &["url", "thumburl"], &["tn", "ipn", "word", "ie", "fr", "thumburl", "url"]), Never,
        "https://image.baidu.com/search/down?tn=download&url=https://host.example/a.jpg"),
    row("NetEase", hosts(&["nimg.ws.126.net"]), param(ANY, URL, &["thumbnail", "quality", "type"]), Http,
        "https://nimg.ws.126.net/?url=http%3A%2F%2Fhost.example%2Fa.jpg&thumbnail=660x2147483647&quality=80&type=jpg"),
    row("ifeng", hosts(&["d.ifengimg.com"]), path("", Skip::Sizes, Tail::Inner), Same,
        "https://d.ifengimg.com/w144_h80_q70/x0.ifengimg.com/a.jpg"),
    row("CSDN imgconvert", hosts(&["imgconvert.csdnimg.cn"]), Shape::Base64Path, Never,
        "https://imgconvert.csdnimg.cn/aHR0cHM6Ly9ob3N0LmV4YW1wbGUvYS5qcGc?x-oss-process=image/format,png"),
    row("QQ reader", hosts(&["read.html5.qq.com", "*.read.html5.qq.com"]),
        param(&["/image"], &["imageUrl"], &["src", "q", "r", "imgflag", "cdn_cache", "w", "h"]), Never,
        "https://read.html5.qq.com/image?src=forum&q=5&r=0&imgflag=7&imageUrl=https://host.example/a.jpg"),
    row("Daum", hosts(&["*.daumcdn.net"]), param(ANY, &["fname"], &["scode"]), Never,
        "https://img1.daumcdn.net/thumb/R1280x0/?scode=mtistory2&fname=https%3A%2F%2Fhost.example%2Fa.jpg"),
    row("Naver", hosts(&["*.pstatic.net"]), param(ANY, SRC, &["type", "autoRotate", "quality"]), Never,
        "https://search.pstatic.net/common/?src=http%3A%2F%2Fhost.example%2Fa.jpg&type=sc960_832"),

    // Archives.
    row("Wayback Machine", hosts(&["web.archive.org", "wayback.archive.org"]), path("web/", Skip::Timestamp, Tail::Inner), Http,
        "https://web.archive.org/web/20200102030405im_/http://host.example/a.jpg"),

    // Any host: frameworks and content networks.
    row("Next.js", segments(&["_next"]), param(&["*/_next/image"], URL, RESIZE), Site,
        "https://site.example/_next/image?url=%2Fimages%2Fa.jpg&w=640&q=75"),
    row("Vercel", segments(&["_vercel"]), param(&["*/_vercel/image"], URL, RESIZE), Site,
        "https://site.example/_vercel/image?url=https%3A%2F%2Fhost.example%2Fa.jpg&w=640&q=75"),
    row("Netlify", segments(&[".netlify"]), param(&["*/.netlify/images"], URL, RESIZE), Site,
        "https://site.example/.netlify/images?url=%2Fimages%2Fa.jpg&w=640"),
    row("Astro", segments(&["_image"]), param(&["*/_image"], &["href", "url"], RESIZE), Site,
        "https://site.example/_image?href=%2F_astro%2Fa.jpg&w=640&f=webp"),
    row("Nuxt IPX", segments(&["_ipx"]), path("_ipx/", Skip::One, Tail::Options(&["url", "w", "q"])), Site,
        "https://site.example/_ipx/w_300,f_webp/https://host.example/a.jpg"),
    row("Cloudflare Images", segments(&["cdn-cgi"]), path("cdn-cgi/image/", Skip::KeyValues, Tail::Inner), Site,
        "https://site.example/cdn-cgi/image/width=720,quality=70/https://host.example/a.jpg"),
    row("Brightspot and AOL dims", segments(&["dims", "dims3", "dims4"]), param(ANY, &["url", "image_uri"], &["client", "signature", "resize", "quality", "crop", "thumbnail"]), Never,
        "https://site.example/dims4/default/0123/2147483647/strip/true/quality/80/?url=https%3A%2F%2Fhost.example%2Fa.jpg"),
    row("FT Origami", segments(&["__origami"]), path("__origami/service/image/v2/images/raw/", Skip::Nothing, Tail::Own), Never,
        "https://www.ft.com/__origami/service/image/v2/images/raw/https%3A%2F%2Fhost.example%2Fa.jpg?source=next"),
    row("Ezoic", segments(&["ezoimgfmt"]), path("ezoimgfmt/", Skip::Nothing, Tail::Options(&["ezimgfmt"])), Same,
        "https://site.example/ezoimgfmt/host.example/a.jpg?ezimgfmt=ng:webp/ngcb1"),
    row("imrs.php", segments(&["imrs.php"]), param(&["*/imrs.php"], SRC, RESIZE), Never,
        "https://site.example/wp-apps/imrs.php?src=https://host.example/a.jpg&w=1440"),
    row("timthumb", segments(&["timthumb.php"]), param(&["*/timthumb.php"], SRC, RESIZE), Site,
        "https://site.example/wp-content/timthumb.php?src=https://host.example/a.jpg&w=300&zc=1"),
    row("image.php", segments(&["image.php"]), Shape::Base64Param(Param { paths: &["*/image.php"], keys: URL, options: NONE }), Never,
        "https://site.example/image.php?url=aHR0cHM6Ly9ob3N0LmV4YW1wbGUvYS5qcGc="),
    row("Prisma", segments(&["http.3A*", "https.3A*"]), Shape::DottedPercent, Never,
        "https://geo.img.pmdstatic.net/fit/https.3A.2F.2Fhost.2Eexample.2Fa.2Ejpg/1150x647/quality/80/name.jpg"),

    // Any host: servers that people run themselves.
    row("SearXNG", segments(&["image_proxy"]), param(&["*/image_proxy"], URL, &["h"]), Never,
        "https://search.example/image_proxy?url=https%3A%2F%2Fhost.example%2Fa.jpg&h=0123"),
    row("Misskey", segments(&["proxy"]),
        param(&["*/proxy/image.webp", "*/proxy/static.webp", "*/proxy/avatar.webp", "*/proxy/preview.webp", "*/proxy/image.png"], URL, NONE), Never,
        "https://social.example/proxy/image.webp?url=https%3A%2F%2Fhost.example%2Fa.jpg&preview=1"),
    row("RSSHub gateway", segments(&["image"]), Shape::Gateway, Never,
        "https://rss.example/image?url=https%3A%2F%2Fhost.example%2Fa.jpg&referer=https%3A%2F%2Fhost.example%2Fpost"),
    row("Miniflux", segments(&["proxy"]), Shape::Miniflux, Never,
        "https://reader.example/proxy/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=/aHR0cHM6Ly9ob3N0LmV4YW1wbGUvYS5qcGc="),
    row("camo", segments(&["68747470*"]), Shape::Camo, Never,
        "https://camo.githubusercontent.com/0123456789abcdef0123456789abcdef01234567/68747470733a2f2f686f73742e6578616d706c652f612e6a7067"),
    row("camo", On::Digests, Shape::CamoParam, Never,
        "https://camo.example/0123456789abcdef0123456789abcdef01234567?url=https%3A%2F%2Fhost.example%2Fa.jpg"),
    row("go-camo", segments(&["aHR0c*"]), Shape::Camo, Never,
        "https://camo.example/D23vHLFHsOhPOcvdxeoQyAJTpvM/aHR0cHM6Ly9ob3N0LmV4YW1wbGUvYS5qcGc"),
    row("imgproxy", segments(&["plain", "aHR0c*"]), Shape::Imgproxy, Never,
        "https://img.example/AfrOrF3gWeDA6VOlDG4TzxMv39O7MXnF4CXpKUwGqRM/rs:fill:300:400:0/g:sm/plain/https://host.example/a.jpg@webp"),
    row("thumbor", segments(&["unsafe", "smart", "fit-in", "full-fit-in", "adaptive-fit-in", "filters:*", "http*"]), Shape::Thumbor, Http,
        "https://thumbor.example/unsafe/fit-in/300x200/smart/filters:quality(80)/host.example/a.jpg"),
    row("thumbor", On::Digests, Shape::Thumbor, Http,
        "https://cdn.example/thumbor/K97LekICOXT9MbO3X1u8BBkrjbu=/300x200/host.example/a.jpg"),
    row("willnorris/imageproxy", segments(&["aHR0c*", "http*"]), Shape::Willnorris, Never,
        "https://img.example/200x,q60/https://host.example/a.jpg"),
    row("web archive", segments(&["http*"]), Shape::Timestamped, Never,
        "https://arquivo.example/wayback/20200102030405/http://host.example/a.jpg"),
];
