//! Each form of each family, as it is met in real pages.

use super::*;

#[test]
fn every_example_of_the_table_is_peeled_by_its_own_family() {
    for (family, example) in Rules::families() {
        let peeled = peel(example);
        let steps: Vec<&str> = peeled.steps.iter().map(|step| step.rule.as_str()).collect();
        assert_eq!(steps, [family], "{example}");
        let own_site = ["https://site.example/images/a.jpg", "https://site.example/_astro/a.jpg"];
        let host = ["https://host.example/a.jpg", "http://host.example/a.jpg", "http://x0.ifengimg.com/a.jpg"];
        let known = ["https://host.example/a.jpg?v=1", "https://x0.ifengimg.com/a.jpg"];
        let expected = [own_site.as_slice(), &host, &known].concat();
        assert!(expected.contains(&peeled.url.as_str()), "{example} gave {}", peeled.url);
        assert_eq!(peeled.steps[0].proxied, example);
        assert_eq!(peeled.steps[0].inner, peeled.url);
    }
}

#[test]
fn relays_of_cross_origin_requests() {
    let f = "cloudflare-cors-anywhere";
    let zaker = "http://zkres1.myzaker.com/202106/60dc59358e9f094792430bd3_1024.jpg";
    assert_peels(f, &format!("https://cors.zfour.workers.dev/?{zaker}"), zaker);
    assert_peels(
        f,
        "https://test.cors.workers.dev/?https%3A%2F%2Fh.example%2Fa%20b.jpg",
        "https://h.example/a%20b.jpg",
    );
    assert_peels(f, "https://x.workers.dev/?https://h.example/a.jpg?b=1&c=?2", "https://h.example/a.jpg?b=1&c=?2");
    assert_peels(f, "//x.workers.dev?http://h.example/a.jpg", "http://h.example/a.jpg");
    assert_peels(f, "https://cors.io/?http%253A%252F%252Fh.example%252Fa.jpg", "http://h.example/a.jpg");
    assert_peels(f, "HTTPS://CORS.ZFour.Workers.Dev/?http://h.example/A.jpg", "http://h.example/A.jpg");
    let f = "cors-anywhere";
    assert_peels(f, "https://cors-anywhere.herokuapp.com/https://h.example/a.jpg?b=c", "https://h.example/a.jpg?b=c");
    assert_peels(f, "https://proxy.cors.sh/https:/h.example/a.jpg", "https://h.example/a.jpg");
    assert_peels(f, "https://cors-anywhere.herokuapp.com/h.example:443/a.jpg", "https://h.example:443/a.jpg");
    let bare = peel("https://cors-anywhere.herokuapp.com/h.example/a.jpg");
    assert_eq!(
        (bare.url.as_str(), bare.alternatives),
        ("http://h.example/a.jpg", vec!["https://h.example/a.jpg".into()])
    );
    let f = "corsproxy.io";
    assert_peels(f, "https://corsproxy.io/?key=k&url=https%3A%2F%2Fh.example%2Fa.jpg", "https://h.example/a.jpg");
    assert_peels(f, "https://corsproxy.io/?https://h.example/a.jpg?x=1&y=2", "https://h.example/a.jpg?x=1&y=2");
    assert_peels(
        "allorigins",
        "https://api.allorigins.win/get?charset=gbk&url=http%3A%2F%2Fh.example%2Fa",
        "http://h.example/a",
    );
}

#[test]
fn a_literal_double_percent_is_kept_and_its_decoding_offered() {
    let peeled = peel("https://x.workers.dev/?http://h.example/a%2520b.jpg");
    assert_eq!(peeled.url, "http://h.example/a%2520b.jpg");
    assert_eq!(peeled.alternatives, ["http://h.example/a%20b.jpg"]);
}

#[test]
fn weserv_writes_schemes_in_its_own_way() {
    let f = "weserv";
    for (value, inner) in [
        ("ssl:h.example/a.jpg", "https://h.example/a.jpg"),
        ("ssl%3Ah.example%2Fa.jpg", "https://h.example/a.jpg"),
        ("//h.example/a.jpg", "https://h.example/a.jpg"),
        ("https://h.example/a.jpg", "https://h.example/a.jpg"),
        ("http%3A%2F%2Fh.example%2Fa.jpg%3Fb%3D1", "http://h.example/a.jpg?b=1"),
        ("h.example/a.jpg", "http://h.example/a.jpg"),
        ("h.example%2Fa.jpg", "http://h.example/a.jpg"),
    ] {
        assert_peels(f, &format!("https://wsrv.nl/?url={value}&w=300&output=webp"), inner);
        assert_peels(f, &format!("https://images.weserv.nl/?w=300&url={value}"), inner);
    }
    let bare = peel("https://images.weserv.nl/?url=h.example/a.jpg");
    assert_eq!(bare.alternatives, ["https://h.example/a.jpg"]);
    assert_untouched("https://wsrv.nl/?default=https%3A%2F%2Fh.example%2Ffallback.jpg&w=3");
}

#[test]
fn an_unencoded_parameter_has_two_readings() {
    let peeled = peel("https://nimg.ws.126.net/?url=http://h.example/a.jpg?b=1&c=2&thumbnail=660x0&type=jpg");
    assert_eq!(peeled.url, "http://h.example/a.jpg?b=1&c=2");
    assert_eq!(
        peeled.alternatives,
        ["http://h.example/a.jpg?b=1&c=2&thumbnail=660x0&type=jpg", "http://h.example/a.jpg?b=1"]
    );
    let no_query = peel("https://nimg.ws.126.net/?url=http://h.example/a.jpg&unknown=1");
    assert_eq!(no_query.url, "http://h.example/a.jpg");
    assert_eq!(no_query.alternatives, ["http://h.example/a.jpg&unknown=1"]);
}

#[test]
fn photon_puts_the_host_into_the_path() {
    let f = "Photon";
    assert_peels(f, "https://i0.wp.com/h.example/2020/a.jpg?w=660&ssl=1", "https://h.example/2020/a.jpg");
    assert_peels(
        f,
        "https://i3.wp.com/h.example/a.jpg?resize=300%2C200&strip=all&foo=1",
        "http://h.example/a.jpg?foo=1",
    );
    let plain = peel("http://i1.wp.com/h.example/a.jpg");
    assert_eq!(
        (plain.url.as_str(), plain.alternatives),
        ("http://h.example/a.jpg", vec!["https://h.example/a.jpg".into()])
    );
    assert!(peel("https://i0.wp.com/h.example/a.jpg?ssl=1").alternatives.is_empty());
    assert_untouched("https://s.wp.com/h.example/a.jpg");
    assert_untouched("https://i0.wp.com/a.jpg");
}

#[test]
fn camo_in_all_spellings() {
    let hex_digest = "0123456789abcdef0123456789abcdef01234567";
    let inner = "https://h.example/a.svg?branch=main";
    let hexed = hex::encode(inner);
    assert_peels("camo", &format!("https://camo.githubusercontent.com/{hex_digest}/{hexed}"), inner);
    let long = "0123456789abcdef".repeat(4);
    assert_peels("camo", &format!("https://camo.githubusercontent.com/{long}/{hexed}"), inner);
    assert_peels("camo", &format!("https://forum.example/camo/{hex_digest}/{hexed}"), inner);
    assert_peels(
        "camo",
        &format!("https://c.example/{hex_digest}?url=https%3A%2F%2Fh.example%2Fa.jpg"),
        "https://h.example/a.jpg",
    );
    // Not a digest, not hexadecimal, no `http`.
    assert_untouched(&format!("https://h.example/images/{hexed}"));
    assert_untouched(&format!("https://camo.githubusercontent.com/{hex_digest}/6874747"));
    assert_untouched(&format!("https://camo.githubusercontent.com/{hex_digest}/68747470zz"));
    assert_untouched(&format!("https://cdn.example/{hex_digest}/{hex_digest}.jpg"));
}

#[test]
fn frameworks_resize_pictures_of_their_own_site_too() {
    for (url, family, inner) in [
        ("https://s.example/_next/image?url=%2Fa.png&w=64&q=75", "Next.js", "https://s.example/a.png"),
        (
            "https://s.example/blog/_next/image/?url=https%3A%2F%2Fh.example%2Fa.png&w=64",
            "Next.js",
            "https://h.example/a.png",
        ),
        ("//s.example/_next/image?w=64&amp;url=%2Fa.png", "Next.js", "https://s.example/a.png"),
        ("http://s.example:8080/_next/image?url=%2F%2Fh.example%2Fa.png", "Next.js", "http://h.example/a.png"),
        ("https://s.example/_vercel/image?url=%2Fa.png&w=64", "Vercel", "https://s.example/a.png"),
        ("https://s.example/.netlify/images?w=64&url=/a.png", "Netlify", "https://s.example/a.png"),
        (
            "https://s.example/_image?href=https%3A%2F%2Fh.example%2Fa.png&w=64&f=webp",
            "Astro",
            "https://h.example/a.png",
        ),
        ("https://s.example/_ipx/w_300,f_webp/img/a.png", "Nuxt IPX", "https://s.example/img/a.png"),
        ("https://s.example/_ipx/w_2048&f_webp/https://h.example/a.jpg", "Nuxt IPX", "https://h.example/a.jpg"),
        ("https://s.example/_ipx/_/https:/h.example/a.jpg", "Nuxt IPX", "https://h.example/a.jpg"),
        (
            "https://s.example/_ipx/w_96,q_75/%2Fimages%2Fa.png?url=%2Fimages%2Fa.png&w=96&q=75",
            "Nuxt IPX",
            "https://s.example/images/a.png",
        ),
        (
            "https://s.example/cdn-cgi/image/width=80,quality=75/up/a.jpg",
            "Cloudflare Images",
            "https://s.example/up/a.jpg",
        ),
        (
            "https://s.example/cdn-cgi/image/width=720,dpr=1/https%3A%2F%2Fh.example%2Fs3%2Fa.jpg",
            "Cloudflare Images",
            "https://h.example/s3/a.jpg",
        ),
        (
            "https://s.example/wp/timthumb.php?src=/wp-content/a.jpg&w=3",
            "timthumb",
            "https://s.example/wp-content/a.jpg",
        ),
        (
            "https://s.example/wp-apps/imrs.php?src=https%3A%2F%2Fh.example%2Fa.jpg?h=982&w=1200",
            "imrs.php",
            "https://h.example/a.jpg",
        ),
        ("https://s.example/image.php?url=aHR0cHM6Ly9oLmV4YW1wbGUvYS5qcGc%3D", "image.php", "https://h.example/a.jpg"),
    ] {
        assert_peels(family, url, inner);
    }
    assert_untouched("https://s.example/_next/static/media/a.png");
    assert_untouched("https://s.example/_next/image?url=%2F");
    assert_untouched("https://s.example/cdn-cgi/image/a.jpg");
    assert_untouched("https://s.example/cdn-cgi/imagedelivery/x/y/public");
    assert_untouched("https://s.example/_ipx/w_800/https://media/x.png");
    assert_untouched("https://s.example/image.php?url=https://h.example/a.jpg");
}

#[test]
fn content_networks_that_fetch() {
    let f = "Cloudinary fetch";
    assert_peels(f, "https://res.cloudinary.com/demo/image/fetch/https://h.example/a.jpg", "https://h.example/a.jpg");
    assert_peels(
        f,
        "https://res.cloudinary.com/demo/image/fetch/w_1/f_auto/https://h.example/a.jpg%3Fb=%2520",
        "https://h.example/a.jpg?b=%20",
    );
    assert_peels(
        f,
        "https://demo-res.cloudinary.com/demo/image/fetch/w_1/https%3A%2F%2Fh.example%2Fa.jpg?_a=B",
        "https://h.example/a.jpg",
    );
    assert_untouched("https://res.cloudinary.com/demo/image/upload/v1/https.jpg");
    let f = "Substack";
    let inner = "https://bucketeer.s3.amazonaws.com/public/images/a_1456x816.png";
    let encoded = "https%3A%2F%2Fbucketeer.s3.amazonaws.com%2Fpublic%2Fimages%2Fa_1456x816.png";
    assert_peels(
        f,
        &format!(
            "https://substackcdn.com/image/fetch/$s_!AbCd!,w_1456,c_limit,f_auto,q_auto:good,fl_progressive:steep/{encoded}"
        ),
        inner,
    );
    assert_peels(f, &format!("https://cdn.substack.com/image/fetch/w_1456/{encoded}"), inner);
    let f = "ImageKit";
    assert_peels(
        f,
        "https://ik.imagekit.io/id/ep/tr:w-300,h-200/https:/h.example/a.jpg?b=1&tr=w-3",
        "https://h.example/a.jpg?b=1",
    );
    assert_untouched("https://ik.imagekit.io/id/default-image.jpg?tr=w-3");
    assert_peels(
        "imgix",
        "https://x.imgix.net/https%3A%2F%2Fh.example%2Fmy%20a.jpg?w=1&s=2",
        "https://h.example/my%20a.jpg",
    );
    assert_untouched("https://x.imgix.net/images/a.jpg?w=1");
    let f = "ShortPixel";
    assert_peels(
        f,
        "https://cdn.shortpixel.ai/client/to_webp,q_glossy,ret_img,w_400/https://h.example/a.png",
        "https://h.example/a.png",
    );
    assert_peels(f, "https://cdn.shortpixel.ai/spai/q_lossless%2Bw_887/h.example/a.jpg", "https://h.example/a.jpg");
    assert_untouched("https://cdn.shortpixel.ai/client/q_glossy,ret_img/data:image/svg+xml;base64,PHN2ZyAvPg==");
    let f = "statically";
    assert_peels(
        f,
        "https://cdn.statically.io/img/h.example/a.jpg?quality=100&f=auto&v=2",
        "https://h.example/a.jpg?v=2",
    );
    assert_peels(f, "https://cdn.statically.io/img/h.example/f=auto/up/a.jpg", "https://h.example/up/a.jpg");
    assert_untouched("https://cdn.statically.io/gh/user/repo/main/a.png");
    let f = "FT Origami";
    assert_peels(
        f,
        "https://www.ft.com/__origami/service/image/v2/images/raw/http://h.example/f7d8?source=next&fit=x",
        "http://h.example/f7d8",
    );
    assert_untouched("https://www.ft.com/__origami/service/image/v2/images/raw/ftcms%3A347ece48-0f69?source=ig");
    assert_peels(
        "Ezoic",
        "https://s.example/ezoimgfmt/h.example/a.jpg?ezimgfmt=rs:1x1&v=1",
        "https://h.example/a.jpg?v=1",
    );
    let f = "Brightspot and AOL dims";
    assert_peels(
        f,
        "https://o.aolcdn.com/images/dims?resize=270%2C400&image_uri=https%3A%2F%2Fh.example%2Fa.jpg&client=c",
        "https://h.example/a.jpg",
    );
    assert_peels(
        f,
        "https://ca.brightspotcdn.com/dims4/default/0a/2147483647/crop/1x1+0+0/?url=https%3A%2F%2Fh.example%2Fa.jpg",
        "https://h.example/a.jpg",
    );
    let f = "Prisma";
    assert_peels(
        f,
        "https://voi.img.pmdstatic.net/fit/http.3A.2F.2Fprd2-bone-image.2Es3-website-eu-west-1.2Eamazonaws.2Ecom.2Fa_b.2Ejpg/460x258/quality/80/x.jpg",
        "http://prd2-bone-image.s3-website-eu-west-1.amazonaws.com/a_b.jpg",
    );
    assert_untouched("https://cac.img.pmdstatic.net/fit/http.3A.2F.2Fprd2.image/x.jpg");
}

#[test]
fn search_engines_and_social_networks() {
    assert_peels(
        "DuckDuckGo",
        "https://proxy.duckduckgo.com/iu/?u=https%3A%2F%2Fh.example%2Fa.jpg%3Fb%3D1&f=1",
        "https://h.example/a.jpg?b=1",
    );
    assert_peels(
        "Google gadgets",
        "https://images1-focus-opensocial.googleusercontent.com/gadgets/proxy?container=focus&url=https:/h.example/a.jpg",
        "https://h.example/a.jpg",
    );
    assert_peels(
        "Gmail",
        "https://ci3.googleusercontent.com/meips/Ab=s0-d-e1-ft#https://h.example/a.png?b=1",
        "https://h.example/a.png?b=1",
    );
    assert_untouched("https://ci3.googleusercontent.com/proxy/Ab=s0-d-e1-ft");
    let f = "AMP cache";
    assert_peels(f, "https://h-example.cdn.ampproject.org/i/s/h.example/a.jpg?b=1", "https://h.example/a.jpg?b=1");
    assert_peels(f, "https://h-example.cdn.ampproject.org/i/h.example/a.jpg", "http://h.example/a.jpg");
    assert_peels(f, "https://h-example.cdn.ampproject.org/ii/w50/h.example/a.jpg", "http://h.example/a.jpg");
    assert!(peel("https://h-example.cdn.ampproject.org/i/s/h.example/a.jpg").alternatives.is_empty());
    assert_untouched("https://h-example.cdn.ampproject.org/c/s/h.example/page.html");
    let f = "Bing";
    assert_peels(
        f,
        "https://th.bing.com/th/id/R.0?rik=a%2b&riu=http%3a%2f%2fh.example%2fa.jpg&ehk=B%3d",
        "http://h.example/a.jpg",
    );
    assert_peels(f, "https://tse1.mm.bing.net/th?q=x&rurl=https%3A%2F%2Fh.example%2Fa.jpg", "https://h.example/a.jpg");
    assert_untouched("https://th.bing.com/th/id/R.11423d0f?rik=vD7C&pid=ImgRaw&r=0");
    let f = "Yahoo";
    assert_peels(
        f,
        "https://s.yimg.com/ny/api/res/1.2/9u--~A/YXBw/http://h.example/en/f_7/990f",
        "http://h.example/en/f_7/990f",
    );
    assert_peels(
        f,
        "https://s1.yimg.com/uu/api/res/1.2/9u--/YXBw/https:/h.example/a.jpg.cf.webp",
        "https://h.example/a.jpg",
    );
    assert_untouched("https://s.yimg.com/rz/p/yahoo_logo.png");
    let f = "Discord";
    assert_peels(
        f,
        "https://images-ext-2.discordapp.net/external/N6-2_o/https/h.example/S.gif?width=320&height=180",
        "https://h.example/S.gif",
    );
    assert_peels(
        f,
        "https://images-ext-1.discordapp.net/external/DkP/%3Fv%3D1%26w%3D2/http/h.example/a.gif",
        "http://h.example/a.gif?v=1&w=2",
    );
    assert_peels(
        f,
        "https://images-ext-1.discordapp.net/external/6NG/https/pbs.twimg.com/media/F.jpg%3Alarge",
        "https://pbs.twimg.com/media/F.jpg:large",
    );
    assert_untouched("https://media.discordapp.net/attachments/1/2/a.png");
    assert_peels(
        "Facebook",
        "https://external-iad3-1.xx.fbcdn.net/safe_image.php?d=AQ&url=http%3A%2F%2Fh.example%2Fa.jpg&cfs=1",
        "http://h.example/a.jpg",
    );
    assert_peels(
        "Slack",
        "https://slack-imgs.com/?c=1&url=https%3A%2F%2Fh.example%2Fa.jpg%3Fw%3D1%26h%3D2",
        "https://h.example/a.jpg?w=1&h=2",
    );
    assert_peels(
        "Embedly",
        "https://i.embed.ly/1/display/resize?width=960&url=http://h.example/a.jpg&key=a1",
        "http://h.example/a.jpg",
    );
    assert_peels(
        "Pocket",
        "https://pocket-image-cache.com/direct?resize=w2000&url=https%3A%2F%2Fh.example%2F1%2Aa.jpg",
        "https://h.example/1*a.jpg",
    );
}

#[test]
fn chinese_and_korean_services() {
    let f = "Baidu image search";
    let gimg = "https://gimg2.baidu.com/image_search/src=http%3A%2F%2Fh.example%2Fa.jpg%3Fb%3D1&refer=http%3A%2F%2Fpage.example&app=2002&fmt=auto?sec=1&t=2";
    assert_peels(f, gimg, "http://h.example/a.jpg?b=1");
    assert_eq!(peel(gimg).referer.as_deref(), Some("http://page.example"));
    assert_peels(
        f,
        "https://gimg2.baidu.com/image_search/src=http%253A%252F%252Fh.example%252Fa.jpg&refer=x",
        "http://h.example/a.jpg",
    );
    assert_peels(
        f,
        "https://gimg3.baidu.com/image_search/src=http://h.example/a.jpg&refer=http://h.example&app=2002",
        "http://h.example/a.jpg",
    );
    let f = "Baidu timg";
    assert_peels(
        f,
        "http://timg01.bdimg.com/timg?pacompress&imgtype=0&sec=1&src=http%3A%2F%2Fh.example%2Fa.jpg",
        "http://h.example/a.jpg",
    );
    let f = "Baidu download";
    assert_peels(
        f,
        "https://image.baidu.com/search/down?url=&thumburl=https%3A%2F%2Fh.example%2Ft.jpg",
        "https://h.example/t.jpg",
    );
    assert_peels(
        f,
        "https://image.baidu.com/search/down?thumburl=https%3A%2F%2Fh.example%2Ft.jpg&url=https%3A%2F%2Fh.example%2Fa.jpg",
        "https://h.example/a.jpg",
    );
    assert_peels(
        "ifeng",
        "https://d.ifengimg.com/w935_h595_q90_webp/x0.ifengimg.com/ucms/a.jpg",
        "https://x0.ifengimg.com/ucms/a.jpg",
    );
    let f = "CSDN imgconvert";
    assert_peels(
        f,
        "https://imgconvert.csdnimg.cn/aHR0cHM6Ly9zcnEuY29vbC91cGxvYWQvMjAyMC83LzIwMjAwNzMxMTYzOS1hMmEyNjUzMjIxZTk0MDVlYjI5NjAzY2EzNDJkYWRmOS5wbmc?x-oss-process=image/format,png",
        "https://srq.cool/upload/2020/7/202007311639-a2a2653221e9405eb29603ca342dadf9.png",
    );
    assert_untouched("https://imgconvert.csdnimg.cn/release/a.png");
    assert_peels(
        "QQ reader",
        "https://cdn.read.html5.qq.com/image?src=circle&q=0&w=0&imageUrl=https://h.example/2.jpg",
        "https://h.example/2.jpg",
    );
    assert_peels(
        "Daum",
        "https://t1.daumcdn.net/thumb/R720x0/?fname=http://t1.daumcdn.net/brunch/a.jpg",
        "http://t1.daumcdn.net/brunch/a.jpg",
    );
    assert_peels(
        "Naver",
        "https://search.pstatic.net/common?src=http%3A%2F%2Fh.example%2F%BB%D1%25BB.jpg&type=f1",
        "http://h.example/%BB%D1%BB.jpg",
    );
    assert_peels(
        "Naver",
        "https://dthumb-phinf.pstatic.net/?src=%22https%3A%2F%2Fh.example%2Fa.jpg%22&type=ff500_300",
        "https://h.example/a.jpg",
    );
    let f = "xuehuaimg";
    assert_peels(f, "https://pic1.xuehuaimg.com/proxy/i.imgur.com/kG5Hgah.png", "https://i.imgur.com/kG5Hgah.png");
    assert_peels(
        f,
        "https://pic1.xuehuaimg.com/proxy/baijia/https://f12.baidu.com/it/u=1,2&fm=173?w=640&s=B",
        "https://f12.baidu.com/it/u=1,2&fm=173?w=640&s=B",
    );
}

#[test]
fn image_servers_that_people_run() {
    let f = "imgproxy";
    let sig = "AfrOrF3gWeDA6VOlDG4TzxMv39O7MXnF4CXpKUwGqRM";
    for (url, inner) in [
        (format!("/{sig}/rs:fill:300:400:0/g:sm/plain/https://h.example/a.jpg@webp"), "https://h.example/a.jpg"),
        (format!("/img/{sig}/plain/https%3A%2F%2Fh.example%2Fa.jpg%3Fb%3D1@png"), "https://h.example/a.jpg?b=1"),
        (
            format!("/{sig}/w:300/plain/https://h.example/a.jpg@1000w_1e_1c.jpg"),
            "https://h.example/a.jpg@1000w_1e_1c.jpg",
        ),
        ("/insecure/fit/300/300/no/0/plain/http://h.example/a.jpg".into(), "http://h.example/a.jpg"),
        (format!("/{sig}/rs:fit:300/aHR0cHM6Ly9oLmV4YW1wbGUvYS5qcGc.png"), "https://h.example/a.jpg"),
        (format!("/{sig}/rs:fit:300/aHR0cHM6Ly9o/LmV4YW1wbGUv/YS5qcGc"), "https://h.example/a.jpg"),
    ] {
        assert_peels(f, &format!("https://img.example{url}"), inner);
    }
    assert_untouched(&format!("https://img.example/{sig}/rs:fit:300/enc/jwV3wUD9r4VBIzgv9j71Q1Zt"));
    assert_untouched(&format!("https://img.example/{sig}/rs:fit:300/plain/s3://bucket/a.jpg"));
    assert_untouched("https://img.example/files/plain/https://h.example/a.jpg");
    let f = "thumbor";
    for (url, inner) in [
        ("/unsafe/https://h.example/a.jpg", "https://h.example/a.jpg"),
        ("/unsafe/300x200/h.example/a.jpg?b=1", "http://h.example/a.jpg?b=1"),
        (
            "/unsafe/trim/10x10:300x300/adaptive-fit-in/-300x-200/left/top/smart/h.example/a.jpg",
            "http://h.example/a.jpg",
        ),
        (
            "/thumbor/K97LekICOXT9MbO3X1u8BBkrjbu=/0x0:1x1/fit-in/1200x630/cdn.vox-cdn.com/up/a.jpg",
            "http://cdn.vox-cdn.com/up/a.jpg",
        ),
        ("/K97LekICOXT9MbO3X1u8BBkrjbu=/300x200/smart/https%3A%2F%2Fh.example%2Fa.jpg", "https://h.example/a.jpg"),
        ("//filters:format(jpg):extract_focal()/https%3A%2F%2Fh.example%2F1*k.png", "https://h.example/1*k.png"),
        (
            "/600x600/filters:format(jpeg):quality(100):no_upscale():strip_exif()/https%3A%2F%2Fh.example%2Fa.jpg",
            "https://h.example/a.jpg",
        ),
    ] {
        assert_peels(f, &format!("https://t.example{url}"), inner);
    }
    assert_untouched("https://t.example/unsafe/300x200/path/to/a.jpg");
    assert_untouched("https://t.example/unsafe/filters:watermark(https://w.example/w.png,0,0)/https://h.example/a.jpg");
    assert_untouched("https://t.example/smart/300x200/h.example/a.jpg");
    let f = "willnorris/imageproxy";
    for (url, inner) in [
        ("/200x/https://h.example/a.jpg?b=1", "https://h.example/a.jpg?b=1"),
        ("/api/imageproxy/x0.15/https://h.example/a.jpg", "https://h.example/a.jpg"),
        ("/cx175,cw400,ch300,100x/https:/h.example/a.jpg", "https://h.example/a.jpg"),
        ("/100,r90,fv,q60,png/https%3A%2F%2Fh.example%2Fa.jpg", "https://h.example/a.jpg"),
        ("/0x0,sXyMwWKIC5JPCtlYOQ2f4yMBTqpjtUsfI67Sp7huXIYY=/https://h.example/a.jpg", "https://h.example/a.jpg"),
        ("/150,fit/aHR0cHM6Ly9oLmV4YW1wbGUvYS5qcGc", "https://h.example/a.jpg"),
    ] {
        assert_peels(f, &format!("https://ip.example{url}"), inner);
    }
    assert_untouched("https://h.example/articles/https://h.example/a.jpg");
    let hmac = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    assert_peels(
        "Miniflux",
        &format!("https://r.example/sub/proxy/{hmac}%3D/aHR0cHM6Ly9oLmV4YW1wbGUvYS5qcGc="),
        "https://h.example/a.jpg",
    );
    assert_untouched("https://r.example/proxy/short/aHR0cHM6Ly9oLmV4YW1wbGUvYS5qcGc=");
    assert_peels(
        "go-camo",
        "https://c.example/D23vHLFHsOhPOcvdxeoQyAJTpvM/aHR0cHM6Ly9oLmV4YW1wbGUvYS5qcGc",
        "https://h.example/a.jpg",
    );
    assert_peels(
        "SearXNG",
        "https://s.example/searx/image_proxy?url=https%3A%2F%2Fh.example%2Fa.jpg%3Fb%2B&h=0a",
        "https://h.example/a.jpg?b+",
    );
    let gateway = "https://r.example/image?referer=https%3A%2F%2Fp.example%2Fx&url=https%3A%2F%2Fh.example%2Fa.jpg";
    assert_peels("RSSHub gateway", gateway, "https://h.example/a.jpg");
    assert_eq!(peel(gateway).referer.as_deref(), Some("https://p.example/x"));
    assert_untouched("https://r.example/image?url=https%3A%2F%2Fh.example%2Fa.jpg");
}

#[test]
fn archives() {
    let f = "Wayback Machine";
    for stamp in [
        "20200102030405",
        "20200102030405im_",
        "20200102030405id_",
        "2020if_",
        "2020",
        "20200102030405js_",
        "20200102030405cs_",
    ] {
        assert_peels(
            f,
            &format!("https://web.archive.org/web/{stamp}/http://h.example/a.jpg?b=1"),
            "http://h.example/a.jpg?b=1",
        );
    }
    assert_peels(f, "https://web.archive.org/web/2020im_/https:/h.example/a.jpg", "https://h.example/a.jpg");
    assert_peels(f, "https://web.archive.org/web/2020/h.example/a.jpg", "http://h.example/a.jpg");
    assert_untouched("https://web.archive.org/web/*/http://h.example/a.jpg");
    assert_peels(
        "web archive",
        "https://arquivo.pt/wayback/20150403100000im_/http://h.example/a.jpg",
        "http://h.example/a.jpg",
    );
    assert_untouched("https://h.example/20150403/http://h.example/a.jpg");
    assert_untouched("https://h.example/99990403100000/http://h.example/a.jpg");
}
