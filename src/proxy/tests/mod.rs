//! What is peeled, what is left alone, and what must hold for every URL.

mod forms;
mod given;
mod nesting;
mod properties;
mod traps;
mod witness;

use super::*;

/// Peels with the built-in rules.
fn peel(url: &str) -> Peeled {
    Rules::builtin().peel(url)
}

/// Asserts that `url` has exactly one proxy around it, of this family, and what is inside.
#[track_caller]
fn assert_peels(family: &str, url: &str, inner: &str) {
    let peeled = peel(url);
    let steps: Vec<&str> = peeled.steps.iter().map(|step| step.rule.as_ref()).collect();
    assert_eq!((steps, peeled.url.as_str()), (vec![family], inner), "{url}");
}

/// Asserts that nothing is peeled off.
#[track_caller]
fn assert_untouched(url: &str) {
    let expected = Peeled { url: url.to_owned(), steps: Vec::new(), alternatives: Vec::new(), referer: None };
    assert_eq!(peel(url), expected);
}

#[test]
fn rules_are_shared_between_threads() {
    fn shared<T: Send + Sync + Clone + 'static>() {}
    shared::<Rules>();
    shared::<Witnesses>();
}
