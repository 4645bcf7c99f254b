//! The enforcing gateway: every call of an organisation passes here, and is judged by who asks,
//! what it touches and what happened before in its session.
//!
//! A call goes through the stages of [`pipeline`], one after the other; behind it are the servers of
//! [`upstream`], each by itself or all together.

mod aggregate;
mod asking;
pub mod call;
pub mod callers;
pub mod catalogue;
pub mod check;
pub mod config;
pub mod discovery;
pub mod error;
pub mod events;
mod frame;
pub mod history;
pub mod judge;
mod lease;
mod misread;
mod outcome;
pub mod pipeline;
pub mod policy;
pub mod quarantine;
pub mod record;
mod routes;
pub mod segment;
pub mod serve;
pub mod shared;
pub mod stdio;
pub mod tenants;
pub mod upstream;
pub mod why;
