//! What Cedar said of inputs that it has seen: asking it again costs ten times as much.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Matched;

/// The most answers that are kept. Beyond it all of them are forgotten: who asks anew every time has
/// no use for them.
const MOST: usize = 2048;
/// The longest input that is kept, in bytes.
const LONGEST: usize = 1024;

/// Answers by all that Cedar is told of a call, byte by byte. It belongs to one set of policies.
#[derive(Debug, Default)]
pub(super) struct Memo(Mutex<HashMap<Box<[u8]>, Arc<Matched>>>);

impl Memo {
    fn known(&self) -> MutexGuard<'_, HashMap<Box<[u8]>, Arc<Matched>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, input: &[u8]) -> Option<Arc<Matched>> {
        self.known().get(input).cloned()
    }

    pub(super) fn put(&self, input: Vec<u8>, matched: &Arc<Matched>) {
        if input.len() > LONGEST {
            return;
        }
        let mut known = self.known();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(input.into_boxed_slice(), Arc::clone(matched));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{arbitrary_call, arbitrary_policy, decide, load};
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn what_was_asked_before_changes_no_answer(
            policies in prop::collection::vec(arbitrary_policy(), 1..8),
            calls in prop::collection::vec(arbitrary_call(), 1..12),
        ) {
            let text = policies.concat();
            let kept = load(&text);
            prop_assume!(kept.is_ok());
            let kept = kept.unwrap();
            for call in calls.iter().chain(calls.iter().rev()) {
                let fresh = load(&text).unwrap();
                prop_assert_eq!(format!("{:?}", decide(&kept, call)), format!("{:?}", decide(&fresh, call)));
            }
        }
    }

    #[test]
    fn it_is_bounded_in_number_and_in_bytes() {
        let (memo, matched) = (Memo::default(), Arc::default());
        memo.put(vec![0; LONGEST + 1], &matched);
        assert!(memo.known().is_empty());
        for number in 0..=MOST {
            memo.put(number.to_le_bytes().to_vec(), &matched);
        }
        assert_eq!(memo.known().len(), 1);
        assert!(memo.get(&MOST.to_le_bytes()).is_some());
    }
}
