//! The follower of the revocation feed: rule by rule, and against an adversary.

#![cfg(test)]

mod authority;
mod blocking;
mod epochs;
mod histories;
mod model;
mod moving;
mod refusing;
mod saving;
