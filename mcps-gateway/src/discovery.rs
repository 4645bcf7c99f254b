//! Tools that are found instead of listed: `find_tools` and `call_tool`, which stand in for all others
//! where there are too many to read.

mod finder;
mod index;
mod terms;
mod tools;

pub(crate) use finder::{Finder, Ground};
pub use index::{Hit, Index, Mask, Subject};
pub(crate) use tools::{
    CALL_TOOL, FIND_TOOLS, Found, Wanted, in_words, inner, is_modern, listing, rendered,
};

#[cfg(test)]
mod tests;
