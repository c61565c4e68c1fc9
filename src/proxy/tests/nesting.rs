//! Proxies around proxies.

use super::*;

#[track_caller]
fn rules(url: &str) -> (Vec<String>, String) {
    let peeled = peel(url);
    (peeled.steps.into_iter().map(|step| step.rule.into_owned()).collect(), peeled.url)
}

#[test]
fn five_families_are_peeled_outermost_first() {
    let url = "https://cors.zfour.workers.dev/?https://image.baidu.com/search/down?tn=download&url=https%3A%2F%2Fgimg2.baidu.com%2Fimage_search%2Fsrc%3Dhttps%253A%252F%252Fi0.wp.com%252Fweb.archive.org%252Fweb%252F2020im_%252Fhttp%253A%252F%252Fh.example%252Fa.jpg%26refer%3Dhttp%253A%252F%252Fp.example%26app%3D2002";
    let peeled = peel(url);
    let families: Vec<&str> = peeled.steps.iter().map(|step| step.rule.as_ref()).collect();
    assert_eq!(
        families,
        ["cloudflare-cors-anywhere", "Baidu download", "Baidu image search", "Photon", "Wayback Machine"]
    );
    assert_eq!(peeled.url, "http://h.example/a.jpg");
    assert_eq!(peeled.referer.as_deref(), Some("http://p.example"));
    assert_eq!(peeled.steps[0].proxied, url);
    for pair in peeled.steps.windows(2) {
        assert_eq!(pair[0].inner, pair[1].proxied);
    }
    assert_eq!(peeled.steps[4].inner, peeled.url);
}

#[test]
fn nests_seen_in_the_wild() {
    for (url, families, inner) in [
        (
            "https://web.archive.org/web/20200102030405im_/http://s.example/timthumb.php?src=http://h.example/a.jpg&w=300",
            vec!["Wayback Machine", "timthumb"],
            "http://h.example/a.jpg",
        ),
        (
            "https://slack-imgs.com/?c=1&url=https%3A%2F%2Fwww.ft.com%2F__origami%2Fservice%2Fimage%2Fv2%2Fimages%2Fraw%2Fhttp%3A%2F%2Fh.example%2F75e8",
            vec!["Slack", "FT Origami"],
            "http://h.example/75e8",
        ),
        (
            "https://x.imgix.net/https%3A%2F%2Fx.imgix.net%2Fhttps%253A%252F%252Fh.example%252Fa.png?w=1",
            vec!["imgix", "imgix"],
            "https://h.example/a.png",
        ),
        (
            "https://s.yimg.com/ny/api/res/1.2/3u--/YXBw/https://s.yimg.com/uu/api/res/1.2/tg--~B/aD03/https://h.example/487d",
            vec!["Yahoo", "Yahoo"],
            "https://h.example/487d",
        ),
        (
            "https://s.example/ezoimgfmt/i0.wp.com/h.example/a.jpg?w=1280&ssl=1&ezimgfmt=ng:webp/ngcb1",
            vec!["Ezoic", "Photon"],
            "https://h.example/a.jpg",
        ),
        (
            "https://i0-wp-com.cdn.ampproject.org/ii/w1200/s/i0.wp.com/h.example/a.png?resize=538%2C756&ssl=1",
            vec!["AMP cache", "Photon"],
            "https://h.example/a.png",
        ),
    ] {
        assert_eq!(rules(url), (families.iter().map(ToString::to_string).collect(), inner.to_owned()), "{url}");
    }
}

#[test]
fn other_readings_of_outer_layers_are_peeled_too() {
    let peeled = peel("https://nimg.ws.126.net/?url=https://i0.wp.com/h.example/a.jpg?ssl=1&foo=1&type=jpg");
    assert_eq!(peeled.url, "https://h.example/a.jpg?foo=1");
    assert_eq!(peeled.alternatives, ["https://h.example/a.jpg", "https://h.example/a.jpg?foo=1&type=jpg"]);
}

#[test]
fn eight_layers_are_peeled_and_nine_are_left_alone() {
    let nest = |layers: usize| format!("{}http://h.example/a.jpg", "https://x.workers.dev/?".repeat(layers));
    assert_eq!(peel(&nest(8)).steps.len(), 8);
    assert_eq!(peel(&nest(8)).url, "http://h.example/a.jpg");
    assert_untouched(&nest(9));
}
