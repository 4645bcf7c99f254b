//! Somebody between `mcps connect --url` and `mcps-wrap --listen` who changes what passes: real
//! programs and real signatures at both ends, a server and a client that are the test's.
//!
//! Each case asserts the code that the client gets, that nothing of the response is delivered
//! after the break, and that the next call works.

mod contents;
mod events;
mod proxy;
mod requests;
mod responses;
mod resuming;
mod scene;
mod tokens;

use scene::{Client, Scene, asking, progress};
