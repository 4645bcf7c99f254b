//! One integration binary: the real services in-process, on ephemeral ports, with a manual clock.

mod arrows;
mod authority;
mod cli;
mod draft00;
mod peers;
mod tour;
mod world;
