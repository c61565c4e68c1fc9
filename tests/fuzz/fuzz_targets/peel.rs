#![no_main]

use std::sync::LazyLock;

use imgmirror::proxy::Rules;
use imgmirror::target::{Place, resolve};
use libfuzzer_sys::fuzz_target;

static RULES: LazyLock<Rules> = LazyLock::new(Rules::builtin);

fn all_differ<T: PartialEq>(list: &[T]) -> bool {
    (0..list.len()).all(|at| !list[..at].contains(&list[at]))
}

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
    assert!(all_differ(&peeled.alternatives), "{peeled:?}");

    let place = Place { base: None, encoding: encoding_rs::UTF_8 };
    let Ok(target) = resolve(url, place, &RULES) else { return };
    let url = &target.url;
    assert!(matches!(url.scheme(), "http" | "https") && url.has_host(), "{target:?}");
    assert!(url.fragment().is_none() && url.username().is_empty() && url.password().is_none(), "{target:?}");
    assert!(all_differ(&target.sources().collect::<Vec<_>>()), "{target:?}");
});
