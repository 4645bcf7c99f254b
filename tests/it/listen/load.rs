//! Load: many clients at once, of both eras, in a size that a test run bears; `make load` runs the
//! same in full (`tests/benches/load.rs`). What a client hears is held against what it asked, and
//! what the servers did against what was asked of them: nothing lost, nothing crossed, nothing twice.

mod calls;
pub(crate) mod connected;
mod deaths;
pub(crate) mod era;
pub(crate) mod ground;
pub(crate) mod member;
mod restarts;
mod streams;

pub(crate) use calls::Calls;
pub(crate) use deaths::Deaths;
pub(crate) use restarts::Restarts;
pub(crate) use streams::Streams;

#[tokio::test]
async fn many_clients_call_at_once() {
    let load = Calls {
        clients: 60,
        connected: 4,
        calls: 20,
    };
    println!("{}", load.bear().await);
}

#[tokio::test]
async fn many_streams_flow_at_once_and_memory_stays() {
    let load = Streams {
        clients: 20,
        every_ms: 5,
        settle: 300,
        events: 300,
    };
    println!("{}", load.bear().await);
}

#[tokio::test]
async fn a_server_that_dies_takes_nobody_else_along() {
    let load = Deaths {
        victims: 4,
        connected: 1,
        bystanders: 4,
        rounds: 3,
    };
    println!("{}", load.bear().await);
}

#[tokio::test]
async fn a_wrapper_that_dies_comes_back_and_accepts_nothing_twice() {
    let load = Restarts {
        clients: 12,
        connected: 1,
        rounds: 2,
        between: 60,
    };
    println!("{}", load.bear().await);
}
