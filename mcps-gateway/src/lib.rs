//! The enforcing gateway: every call of an organisation passes here, and is judged by who asks,
//! what it touches and what happened before in its session.
pub mod policy;
