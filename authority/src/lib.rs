//! The trust authority: who is who, what is revoked, and signed proof of both.
//!
//! [`serve`] runs it in-process, as the binary and the tests do. A request passes
//! [`api`] (extractors check who asks and what was sent), one rule or one call on the
//! [`store`], and leaves as a typed answer or an RFC 9457 [`problem`]. Passports are
//! issued in two phases ([`issue`]): the exact bytes are stored before they are signed, and what
//! was signed is verified with a second library before it leaves. What is revoked or held back is
//! an event of the [`feed`], written in the same transaction and sent to whoever follows.
//!
//! Time and randomness are arguments; the environment is read by the binary alone.

pub mod access;
pub mod acks;
pub mod api;
pub mod authority;
pub mod backup;
pub mod budget;
pub mod certificate;
pub mod compromise;
pub mod config;
pub mod cursor;
pub mod custody;
pub mod doctor;
pub mod enrolment;
pub mod error;
pub mod examine;
pub mod feed;
pub mod founding;
pub mod gather;
pub mod hooks;
pub mod incidents;
pub mod issue;
pub mod key_files;
pub mod keys;
pub mod kill;
pub mod levels;
pub mod metrics;
pub mod oidc;
pub mod operator_key;
pub mod outbound;
pub mod problem;
pub mod proof;
pub mod registry;
pub mod report;
pub mod secret;
pub mod signals;
pub mod start;
pub mod status_lists;
pub mod store;
pub mod subject;
pub mod webhooks;

mod bearer;
mod listener;
mod places;
mod serve;
mod supersession;
mod tls;
mod trace;
mod trail;

pub use config::Config;
pub use serve::{COMMAND, Running, add_operator, open_changing, open_founded, serve};
pub use start::StartError;
