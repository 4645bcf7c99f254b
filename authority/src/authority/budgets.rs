//! What each caller may do in a while.

use crate::budget::{Budget, Quota};

/// What each caller may do.
#[derive(Debug)]
pub(super) struct Budgets {
    pub(super) issue: Budget,
    pub(super) order: Budget,
    pub(super) fetch: Budget,
}

impl Budgets {
    pub(super) fn new(issue: Quota, order: Quota, fetch: Quota) -> Self {
        Self {
            issue: Budget::new("issue", issue),
            order: Budget::new("order", order),
            fetch: Budget::new("fetch", fetch),
        }
    }
}
