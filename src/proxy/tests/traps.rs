//! URLs that look proxied and are not, and input that means harm.

use super::*;

#[test]
fn urls_inside_of_urls_that_are_not_originals() {
    for url in [
        // A fallback picture.
        "https://secure.gravatar.com/avatar/0123?s=80&d=https%3A%2F%2Fh.example%2Fdefault.png",
        "https://www.gravatar.com/avatar/0123?d=http://h.example/default.png",
        // Trackers, in the very form of a relay.
        "https://secure.adnxs.com/getuid?https://h.example/a.jpg",
        "https://ib.adnxs.com/getuid?https%3A%2F%2Fh.example%2Fa.jpg",
        // Pictures about a URL.
        "https://img.shields.io/website?url=https%3A%2F%2Fh.example&label=a",
        "https://img.shields.io/badge/dynamic/json?domain=https://h.example/a.png",
        "https://api.qrserver.com/v1/create-qr-code/?data=https%3A%2F%2Fh.example%2Fa.jpg",
        // Share links.
        "https://www.facebook.com/sharer/sharer.php?u=https%3A%2F%2Fh.example%2Fa.jpg",
        "https://twitter.com/intent/tweet?url=https://h.example/a.jpg",
        "https://pinterest.com/pin/create/button/?url=https%3A%2F%2Fh.example&media=https%3A%2F%2Fh.example%2Fa.jpg",
        // Watermark texts: base64 of the blog's address.
        "https://img-blog.csdnimg.cn/2020.png?x-oss-process=image/watermark,type_ZmFuZ3poZW5naGVpdGk,text_aHR0cHM6Ly9ibG9nLmNzZG4ubmV0L3g=,size_16",
        "https://img-blog.csdn.net/2018?watermark/2/text/aHR0cHM6Ly9ibG9nLmNzZG4ubmV0L3g=/font/5a6L5L2T",
        // Any host with a URL in its path or query.
        "https://h.example/?https://g.example/a.jpg",
        "https://h.example/proxy?url=https%3A%2F%2Fg.example%2Fa.jpg",
        "https://h.example/https://g.example/a.jpg",
        "https://h.example/image?url=https://g.example/a.jpg",
        // workers.dev, but no URL right behind the `?`.
        "https://x.workers.dev/?img=https://h.example/a.jpg",
        "https://x.workers.dev/a.jpg?1",
        "https://x.workers.dev/",
    ] {
        assert_untouched(url);
    }
}

#[test]
fn a_srcset_pasted_into_a_src_is_no_proxied_url() {
    for url in [
        "https://h.example/a.jpg%20320w,%20http://h.example/b.jpg%20640w",
        "https://i0.wp.com/h.example/a.jpg%20320w,%20https://i0.wp.com/h.example/b.jpg%20640w",
        "https://x.workers.dev/?http://h.example/a.jpg 1x, http://h.example/b.jpg 2x",
        "https://wsrv.nl/?url=https%3A%2F%2Fh.example%2Fa.jpg%20320w%2C%20https%3A%2F%2Fh.example%2Fb.jpg",
    ] {
        assert_untouched(url);
    }
}

#[test]
fn ipfs_gateways_are_no_proxies() {
    assert_untouched("https://ipfs.io/ipfs/bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi/a.jpg");
    assert_untouched("https://bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi.ipfs.dweb.link/a.jpg");
}

#[test]
fn suffixes_for_sizes_belong_to_the_target() {
    for url in [
        "https://i.guancha.cn/news/2021/06/28/20210628202803947.jpg!cmspl",
        "https://i0.hdslb.com/bfs/archive/a.jpg@1000w_1e_1c.jpg",
        "https://p3-juejin.byteimg.com/tos-cn-i-k3u1fbpfcp/0a~tplv-k3u1fbpfcp-watermark.image?w=1&q=80",
        "https://p1.pstatp.com/large/pgc-image/0a~noop_1:4536:0:0:0.awebp?",
        "https://h.example/a.jpg?imageView2/2/w/600|imageMogr2/strip",
        "https://h.example/a-560x480.jpg",
        "http://s1.sinaimg.cn/middle/0a&690",
    ] {
        assert_untouched(url);
        assert_peels("cloudflare-cors-anywhere", &format!("https://x.workers.dev/?{url}"), url);
    }
}

#[test]
fn control_characters_stay_where_they_are() {
    for inner in [
        "http://h.example/a%0D%0AX-Header:%201",
        "http%3A%2F%2Fh.example%2F%00",
        "http%3A%2F%2Fh.example%2F%1B%5B31m",
        "http%3A%2F%2Fh.example%2F%C2%85",
    ] {
        let peeled = peel(&format!("https://wsrv.nl/?url={inner}"));
        assert!(!peeled.url.chars().any(char::is_control), "{inner}");
        assert!(peeled.alternatives.iter().all(|url| !url.chars().any(char::is_control)), "{inner}");
    }
    assert_untouched("https://x.workers.dev/?http://h.example/a\n.jpg");
}

#[test]
fn what_is_no_absolute_url_comes_back_as_it_is() {
    for url in [
        "",
        "a.jpg",
        "/a.jpg",
        "data:image/gif;base64,R0lGODlhAQABAAAAACw=",
        "ftp://wsrv.nl/?url=http://h.example/a",
        "http://",
        "//",
        "é",
    ] {
        assert_untouched(url);
    }
}

#[test]
fn long_hostile_input_ends() {
    let megabyte = 1 << 20;
    let fill = |unit: &str| unit.repeat(megabyte / unit.len());
    for url in [
        format!("https://{}/", fill("a.")),
        format!("https://h.example{}", fill("/_ipx")),
        format!("https://h.example{}", fill("/http:")),
        format!("https://h.example{}", fill("/aHR0c")),
        format!("https://h.example{}", fill("/unsafe/300x300")),
        format!("https://h.example/unsafe{}", fill("/300x300")),
        format!("https://h.example{}", fill("/0123456789abcdef0123456789abcdef01234567")),
        format!("https://wsrv.nl/?{}", fill("url=http://h&")),
        format!("https://wsrv.nl/?{}", fill("url=&")),
        format!("https://wsrv.nl/?url=http://h.example/?{}", fill("&a")),
        format!("https://wsrv.nl/?url=http://h.example/{}", fill("1w,")),
        format!("https://wsrv.nl/?url=http://h.example/{}", fill("%25")),
        format!("https://h.example/image?{}", fill("url=&referer=&")),
        format!("https://x.workers.dev/?{}", fill("https://x.workers.dev/?")),
        format!("https://x.workers.dev/?{}", fill("http%253A")),
        format!("https://res.cloudinary.com/image/fetch{}", fill("/h")),
    ] {
        // Whatever comes out, it comes soon and is settled.
        let peeled = peel(&url);
        assert!(peel(&peeled.url).steps.is_empty(), "{}", &url[..60]);
    }
}
