//! Placeholder.
#[derive(Debug, Clone, Default)]
pub struct Rules;
impl Rules {
    pub fn builtin() -> Rules {
        Rules
    }
    pub fn peel(&self, url: &str) -> Peeled {
        Peeled { url: url.to_owned(), ..Peeled::default() }
    }
}
#[derive(Debug, Clone, Default)]
pub struct Peeled {
    pub url: String,
    pub steps: Vec<Step>,
    pub alternatives: Vec<String>,
    pub referer: Option<String>,
}
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub rule: String,
    pub proxied: String,
    pub inner: String,
}
