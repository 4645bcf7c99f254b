//! Policy.

mod config;
pub mod fact;
mod load;
mod question;
mod source;
mod temporal;
mod pack { pub(super) fn sources() -> Vec<super::source::Source> { vec![] } }

pub use config::{On, Scope};
pub use question::*;
pub(crate) use question::level_text;
pub use source::*;
