//! Documents that other tests try on terminals, parsers and catalogs: here they are read by people.

use crate::support::Case;

const CONTROL: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}gnp\u{2066}";

/// Writes them below a folder.
pub fn write(case: &Case, folder: &str) {
    let write = |name: &str, bytes: &[u8]| {
        case.write(format!("{folder}/{name}"), bytes);
    };
    let front = format!(
        "---\ntitle: '{CONTROL}'\nheadimg: 'http://p.example/{CONTROL}.png'\n---\n\
         <img src='http://p.example/{CONTROL}/a.png?{CONTROL}'><img src='{CONTROL}://x'><img src='{CONTROL}.png'>\n\
         <img src='http://{CONTROL}.example/'><img src='http://[{CONTROL}'>text {CONTROL} text\n"
    );
    write("control.md", front.as_bytes());
    write("base.html", format!("<base href='{CONTROL}'><img src=\"data:{CONTROL}\">text").as_bytes());
    write(
        "secrets.html",
        b"<p>x<img src='http://me:hunter2@p.example/a.png'><img src='https://wsrv.nl/?url=http%3A%2F%2Fme%3Ahunter2%40lost.example%2Fd.png'>",
    );
    let page = "<meta charset=CHARSET><title>\u{4e2d}\u{6587}</title><p>\u{4e2d}\u{6587}<img src='http://p.example/\u{4e2d}.png' alt='\u{6587}'>";
    for encoding in [encoding_rs::GBK, encoding_rs::BIG5, encoding_rs::SHIFT_JIS, encoding_rs::EUC_KR] {
        let (bytes, ..) = encoding.encode(page);
        let text = bytes.into_owned();
        let declared =
            [&b"<meta charset="[..], encoding.name().as_bytes(), b">", &text[b"<meta charset=CHARSET>".len()..]];
        write(&format!("{}.html", encoding.name()), &declared.concat());
    }
    let utf_16 = |order: fn(u16) -> [u8; 2]| {
        page.encode_utf16().fold(order(0xfeff).to_vec(), |mut bytes, unit| {
            bytes.extend(order(unit));
            bytes
        })
    };
    write("utf-16le.html", &utf_16(u16::to_le_bytes));
    write("utf-16be.html", &utf_16(u16::to_be_bytes));
    write("mark.html", format!("\u{feff}\u{feff}{page}").as_bytes());
    write("no-text.html", b"<p>\xff\xfe\x80 text \x00\x01<img src='http://p.example/\xff.png' alt='\xc3('>");
    write(
        "deep.html",
        ["<div>".repeat(5_000), "deep".to_owned(), "<img src='http://p.example/deep.png'>".to_owned()]
            .concat()
            .as_bytes(),
    );
    let attributes: String = (0..5_000).map(|n| format!(" data-{n}=\"http://phone.example/{n}.png\"")).collect();
    write("wide.html", format!("<p>wide<img src='http://p.example/wide.png'{attributes}>").as_bytes());
    let candidates: Vec<_> = (1..2_000).map(|n| format!("http://p.example/same.png?{} {n}w", n % 7)).collect();
    write(
        "srcset.html",
        format!("<p>many<img src='http://p.example/x.png' srcset='{}'>", candidates.join(", ")).as_bytes(),
    );
    write(
        "unclosed.html",
        b"<title>unclosed <p>text</title></style></title><textarea><p>x</textarea><table><img src='http://p.example/table.png'><select><img src='http://p.example/select.png'></select><p title=\"<!--<script>'>text<a href=\"http://p.example/\"><img src=http://p.example/last.png",
    );
}
