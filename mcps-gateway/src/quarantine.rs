//! Tools that nobody may call until an operator has looked at them: new ones where that is demanded,
//! changed ones, those whose names look like another's, and what an operator blocked or rejected.
//!
//! All of it is in the gateway's home, so that an operator's word counts though the gateway runs:
//!
//! | file | holds |
//! |---|---|
//! | `pins.json` | what is approved, and what has changed since |
//! | `quarantine.json` | what else is held back, and which servers were listed |
//! | `definitions/HASH.json` | definitions, for those who compare them |
//! | `quarantine.log` | what operators did and what evidence promoted, one JSON object a line |
//! | `evidence.json` | what evidence promoted, as far as it still does |
//! | `verdicts-TENANT.json` | what a tenant's operators have said at the authority |

mod book;
pub mod cli;
mod evidence;
mod lookalike;
mod order;
mod ruling;
mod store;

pub use book::{Book, Entry, Holds, Reason, State};
pub use evidence::{Evidence, Grant, Shown};
pub use lookalike::{Name, is_like};
pub use order::{Done, Order, OrderError, Verb};
pub use ruling::{Rulings, Subject, Whose};
pub use store::{Stamp, Store, Tool};

use mcps_core::pin::Server;

/// Under whom the pins of one of the gateway's servers are.
#[must_use]
pub fn owner(server: &str) -> Server {
    Server::Origin(format!("gateway:{server}"))
}

/// The server whose pins those are, if it is one of a gateway's.
#[must_use]
pub fn of_owner(owner: &Server) -> Option<&str> {
    match owner {
        Server::Origin(origin) => origin.strip_prefix("gateway:"),
        Server::Subject { .. } | Server::Passport(_) => None,
    }
}

#[cfg(test)]
mod tests;
