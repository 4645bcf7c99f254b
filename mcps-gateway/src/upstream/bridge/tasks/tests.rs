use std::future::{pending, ready};

use super::{MOST_EACH, Tasks};

#[tokio::test]
async fn a_caller_has_only_so_many_and_takes_none_of_anothers() {
    let tasks = Tasks::default();
    for _ in 0..MOST_EACH {
        assert!(tasks.begin(Some("a"), pending()));
    }
    assert!(!tasks.begin(Some("a"), ready(())));
    assert!(tasks.begin(Some("b"), ready(())));
    assert!(tasks.begin(None, ready(())));
    tasks.end().await;
    assert!(
        tasks.begin(Some("a"), ready(())),
        "those that were ended count no more"
    );
}
