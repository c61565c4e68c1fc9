//! Placeholder.
use super::Sink;
pub struct Reader<'a> {
    pub names_image: &'a dyn Fn(&str) -> bool,
    pub html: &'a dyn Fn(&str, &mut Sink<'_>),
}
impl Reader<'_> {
    pub fn collect(&self, text: &str, sink: &mut Sink<'_>) {
        (self.html)(text, sink)
    }
}
