//! The client side of signed MCP: an identity in a home directory, the trust source that knows
//! whom to believe, links that sign what goes out and verify what comes in, and `mcps connect`.
//!
//! `mcps-wrap` and `mcps-gateway` build on the same links from the other end: [`listen`] is how
//! callers of either reach a server over Streamable HTTP.

pub mod announce;
pub mod audit;
pub mod authority;
pub mod connect;
pub mod desk;
pub mod enrol;
pub mod error;
pub mod exit;
pub mod feed;
pub mod fetch;
pub mod follower;
pub mod home;
pub mod identity;
pub mod link;
pub mod listen;
pub mod logging;
pub mod mirror;
pub mod options;
pub mod peers;
pub mod relay;
pub mod renewal;
pub mod replay;
pub mod rotation;
pub mod terminal;
pub mod token;
pub mod tools;
pub mod trust_source;
pub mod verify;
pub mod web;
