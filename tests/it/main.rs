//! One integration binary: the real services in-process, on ephemeral ports, with a manual clock.

#![expect(
    clippy::cloned_ref_to_slice_refs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::type_complexity,
    clippy::unwrap_used,
    clippy::wrong_self_convention,
    reason = "tests fail by panicking"
)]

mod arrows;
mod authority;
mod cli;
mod draft00;
mod holes;
mod peers;
mod tour;
mod wire;
mod world;
