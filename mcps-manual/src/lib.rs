//! What our programs say about themselves, each in the same way: examples in every command's help,
//! manual pages, and completions for shells, all from the program's own tree of commands.

mod examples;
mod gaps;
mod pages;

pub use examples::{Example, explained, parse};
pub use gaps::gaps;
pub use pages::{Manual, ManualError};

#[cfg(test)]
mod tests;
