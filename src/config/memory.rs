//! What was read from a content before: the cells of a campaign have their models and networks in common, and reading
//! these takes longer than all else of a cell.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;

/// So many are kept; a content comes back within a few others.
const KEPT: usize = 4;

/// Results by all that tells the content that they were made of from others.
pub(super) struct Memory<K, T> {
    kept: Mutex<VecDeque<(K, Arc<T>)>>,
}

impl<K: PartialEq, T> Memory<K, T> {
    pub(super) const fn new() -> Self {
        Self {
            kept: Mutex::new(VecDeque::new()),
        }
    }

    /// What a content gave before, or what it gives now.
    ///
    /// # Errors
    /// Those of `make`, of which nothing is kept.
    pub(super) fn recall<E>(
        &self,
        content: K,
        make: impl FnOnce(&K) -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        if let Ok(kept) = self.kept.lock()
            && let Some((_, known)) = kept.iter().find(|(known, _)| *known == content)
        {
            return Ok(Arc::clone(known));
        }
        // Nobody waits for it: at worst two make the same.
        let made = Arc::new(make(&content)?);
        if let Ok(mut kept) = self.kept.lock() {
            kept.truncate(KEPT - 1);
            kept.push_front((content, Arc::clone(&made)));
        }
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_content_is_made_once_and_errors_are_not_kept() {
        let memory = Memory::<String, usize>::new();
        let length = |text: &String| text.parse::<usize>();
        let of = |text: &str| memory.recall(text.to_owned(), length);
        assert!(of("x").is_err());
        let first = of("12").unwrap();
        assert!(of("x").is_err());
        assert!(Arc::ptr_eq(&first, &of("12").unwrap()));
        for n in 0..KEPT {
            assert_eq!(*of(&n.to_string()).unwrap(), n);
        }
        let again = of("12").unwrap();
        assert!(*again == 12 && !Arc::ptr_eq(&first, &again));
    }
}
