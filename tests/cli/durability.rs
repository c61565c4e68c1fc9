//! `--durability`: whatever a power cut may cost, the mirror is the same.

use crate::support::{Case, Origin, assert_adds_up};

#[test]
fn a_mirror_is_the_same_however_durable_it_is_to_be() {
    let origin = Origin::of_pictures();
    let mirror = |durability: &str| {
        let case = Case::new();
        let page: String = (0..20).map(|n| format!("<img src='http://pictures.example/{n}.png'>\n")).collect();
        case.write("in/a.html", &page).write("in/below/b.html", &page);
        let sync = || case.imgmirror(&["sync", "in", "--json", "--durability", durability]).args(origin.flags());
        let first = sync().run(0).json();
        assert_adds_up(&first);
        assert_eq!((&first["requests"], &first["documents"]["written"]), (&20.into(), &2.into()), "{durability}");
        let second = sync().run(0).json();
        assert_eq!((&second["requests"], &second["documents"]["written"]), (&0.into(), &0.into()), "{durability}");
        case.run(0, &["check"]);
        (case.text("mirror/documents/a.html"), case.text("mirror/documents/below/b.html"))
    };
    let batch = mirror("batch");
    assert!(batch.0.contains("../assets/"), "{}", batch.0);
    assert_eq!(mirror("none"), batch);
    assert_eq!(mirror("full"), batch);
}

#[test]
fn an_unknown_durability_is_refused_with_those_that_there_are() {
    let case = Case::new();
    case.write("in/a.html", "<p>");
    let told = case.run(2, &["sync", "in", "--durability", "maybe"]).stderr;
    for known in ["none", "batch", "full"] {
        assert!(told.contains(known), "{told}");
    }
}
