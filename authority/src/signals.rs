//! Shared Signals: security event tokens (RFC 8417) that others make, and how they are told what
//! became of each.
//!
//! A token is pushed to us (RFC 8935) or fetched by us (RFC 8936, [`polling`]). Either way it is
//! verified, read and taken as any report, and refused with the same registered codes. Those that we
//! make ourselves are of [`issuing`].

pub mod issuing;
pub mod polling;
pub mod subject;
mod waiting;

use mcps_core::clock::Timestamp;

use crate::authority::Authority;
use crate::error::Error;
use crate::hooks::Hook;
use crate::hooks::authentication::{Authentication, Disbelieved};
use crate::hooks::tokens::TokenError;
use crate::incidents::{Incident, read_and_take};
use crate::problem::Problem;

/// How old a token may be that is fetched: its transmitter keeps it until it is acknowledged.
const KEPT_S: i64 = 7 * 24 * 3600;

/// Why a token was not taken (RFC 8935 §2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// A registered code.
    pub err: &'static str,
    /// In words.
    pub description: String,
}

/// What a transmitter is told of a token, from what was made of it.
///
/// # Errors
/// What is not the token's fault: it has to come again.
pub fn told(taken: Result<Vec<Incident>, Error>) -> Result<Result<Vec<Incident>, Refused>, Error> {
    let (err, description) = match taken {
        Ok(taken) => return Ok(Ok(taken)),
        // It is in the inbox, and for an operator to look at: the transmitter has done its part.
        Err(Error::Unread(_) | Error::OutOfReach) => return Ok(Ok(Vec::new())),
        Err(Error::Disbelieved(Disbelieved::Token(error))) => (error.code(), error.to_string()),
        Err(error @ (Error::Json(_) | Error::OtherBody)) => ("invalid_request", error.to_string()),
        Err(error @ Error::Disbelieved(_)) => ("authentication_failed", error.to_string()),
        Err(error) => return Err(error),
    };
    Ok(Err(Refused { err, description }))
}

/// Takes a token that was fetched, under the id that it came under.
///
/// # Errors
/// As [`told`].
async fn take(
    authority: &Authority,
    hook: &Hook,
    (id, token): (&str, &str),
    now: Timestamp,
) -> Result<Result<(), Refused>, Error> {
    match told(taken(authority, hook, (id, token), now).await) {
        Ok(told) => Ok(told.map(|_| ())),
        // It would be the same the next time, and hold up whatever comes after it.
        Err(error) if Problem::from(&error).status < 500 => Ok(Err(Refused {
            err: "invalid_request",
            description: error.to_string(),
        })),
        Err(error) => Err(error),
    }
}

async fn taken(
    authority: &Authority,
    hook: &Hook,
    (id, token): (&str, &str),
    now: Timestamp,
) -> Result<Vec<Incident>, Error> {
    let disbelieved = |error: TokenError| Error::Disbelieved(error.into());
    let Authentication::Tokens(transmitter) = &hook.authentication else {
        return Err(disbelieved(TokenError::Key));
    };
    let believed = transmitter.believe_within(token.as_bytes(), now, KEPT_S);
    let believed = believed.map_err(disbelieved)?;
    // Acknowledged is the name it came under, so that has to be its own.
    if believed.id.as_deref() != Some(id) {
        return Err(disbelieved(TokenError::Request("jti")));
    }
    read_and_take(authority, hook, (believed.id, believed.text), false).await
}
