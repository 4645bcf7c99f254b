//! The default pack against scripted agents that obey whatever they read: what must be stopped, and
//! the ordinary work that must not be.
#![expect(clippy::unwrap_used, reason = "a test stops and tells")]

mod attacks;
mod benign;
mod played;
mod script;
