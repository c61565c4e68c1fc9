#![no_main]

use std::sync::LazyLock;

use imgmirror::proxy::Rules;
use imgmirror::target::{Place, resolve};
use libfuzzer_sys::fuzz_target;

static RULES: LazyLock<Rules> = LazyLock::new(Rules::builtin);

fuzz_target!(|url: &str| {
    let peeled = RULES.peel(url);
    let mut outer = url;
    for step in &peeled.steps {
        assert_eq!(step.proxied, outer, "{peeled:?}");
        outer = &step.inner;
    }
    assert_eq!(peeled.url, outer, "{peeled:?}");
    assert!(RULES.peel(&peeled.url).steps.is_empty(), "{url:?} can be peeled further than {peeled:?}");
    assert!(peeled.steps.len() <= 8 && peeled.alternatives.len() <= 8, "{peeled:?}");
    let repeats = |at: usize| peeled.alternatives[..at].contains(&peeled.alternatives[at]);
    assert!(!(0..peeled.alternatives.len()).any(repeats), "{peeled:?}");

    let place = Place { base: None, encoding: encoding_rs::UTF_8 };
    let Ok(target) = resolve(url, place, &RULES) else { return };
    assert_eq!(target.sources.first(), Some(&target.url));
    for source in &target.sources {
        assert!(matches!(source.scheme(), "http" | "https") && source.has_host(), "{source} of {url:?}");
        assert!(source.fragment().is_none() && source.username().is_empty(), "{source} of {url:?}");
        assert!(source.password().is_none(), "{source} of {url:?}");
    }
});
