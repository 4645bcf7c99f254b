//! Who remembers the nonces that were used: this process alone, or several processes together.

use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;

use mcps_core::clock::Timestamp;
use mcps_core::passport::PassportId;
use mcps_core::refusal::Refusal;
use mcps_core::replay::ReplayGuard;

/// The nonce of an authenticated message, and whose it is.
#[derive(Clone, Copy, Debug)]
pub struct Used<'a> {
    /// Who signed.
    pub passport: &'a PassportId,
    /// For whom.
    pub aud: &'a str,
    /// The nonce.
    pub nonce: &'a str,
    /// When it was signed, as the message says.
    pub stamped: Timestamp,
}

/// Whether a nonce may be used, as soon as it is known.
pub type Taken<'a> = Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send + 'a>>;

/// Takes every message once.
pub trait Replay: fmt::Debug + Send + Sync {
    /// Takes note of a nonce, or refuses as [`ReplayGuard::check_and_insert`] does. Where several
    /// remember together and they cannot be asked: [`Refusal::SharedStateUnavailable`].
    fn take<'a>(&'a self, used: Used<'a>, now: Timestamp) -> Taken<'a>;
}

impl Replay for ReplayGuard {
    fn take<'a>(&'a self, used: Used<'a>, now: Timestamp) -> Taken<'a> {
        let Used {
            passport,
            aud,
            nonce,
            stamped,
        } = used;
        Box::pin(ready(
            self.check_and_insert(passport, aud, nonce, stamped, now),
        ))
    }
}
