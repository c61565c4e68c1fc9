//! What a document has named last, kept so that it need not be worked out again where it stands once more.

/// Longer texts are not kept: they come once, and may be very long.
const MAX_LEN: usize = 4096;

/// The last `N` texts of at most 4,096 bytes, with what is known of each. The oldest makes room for the next.
#[derive(Debug)]
pub struct Recent<V, const N: usize> {
    entries: Vec<(String, V)>,
    /// Which of them is the oldest, once there are `N`.
    oldest: usize,
}

impl<V, const N: usize> Default for Recent<V, N> {
    fn default() -> Self {
        Recent { entries: Vec::new(), oldest: 0 }
    }
}

impl<V, const N: usize> Recent<V, N> {
    /// What is known of `text`.
    pub fn get(&self, text: &str) -> Option<&V> {
        self.find(|known| known == text)
    }

    /// What is known of the first text that is as `wanted`.
    pub fn find(&self, wanted: impl Fn(&str) -> bool) -> Option<&V> {
        self.entries.iter().find(|(known, _)| wanted(known)).map(|(_, value)| value)
    }

    /// Keeps a text that is not kept yet, in the room of the oldest.
    pub fn keep(&mut self, text: &str, value: V) {
        if text.len() > MAX_LEN {
            return;
        }
        match self.entries.get_mut(self.oldest) {
            Some((known, old)) => {
                text.clone_into(known);
                *old = value;
            }
            None => self.entries.push((text.to_owned(), value)),
        }
        self.oldest = (self.oldest + 1) % N;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_known() {
        let mut recent = Recent::<_, 2>::default();
        for (value, text) in ["a", "b", "c"].into_iter().enumerate() {
            recent.keep(text, value);
        }
        recent.keep(&"d".repeat(MAX_LEN + 1), 3);
        assert_eq!(["a", "b", "c", "d"].map(|text| recent.get(text).copied()), [None, Some(1), Some(2), None]);
        assert_eq!(recent.find(|text| text > "b"), Some(&2));
    }
}
