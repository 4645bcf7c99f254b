//! More of something than is kept.

use mcps_core::code::Code;

use crate::wire::{Served, Stage, call, code_of};

#[tokio::test]
async fn requests_in_flight_are_bounded() {
    let mut served = Served::start_with(Stage::set(), &["--status-refresh", "1h"]);
    served.open().await;
    let most = 10_000;
    let lines: Vec<String> = (1..=most + 1)
        .map(|id| served.agent.seal(&call(id)))
        .collect();
    let Served { wrap, behind, .. } = &mut served;
    // The server reads all of them and answers none.
    let (_, ()) = tokio::join!(
        async {
            for id in 1..=most {
                assert_eq!(behind.read().await, call(id));
            }
        },
        async {
            for line in &lines {
                wrap.write(line).await;
            }
        }
    );
    assert_eq!(served.wrap.refusal().await, Code::RateLimited);
    // As one is answered, there is room for one.
    served.behind.write(&crate::wire::result(1)).await;
    assert_eq!(code_of(&served.wrap.read().await), None);
    let next = call(most + 2);
    served.wrap.write(&served.agent.seal(&next)).await;
    assert_eq!(served.behind.read().await, next);
}
