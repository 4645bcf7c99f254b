//! Control of an origin: a challenge that stands where only its owner can put it.

use std::time::Duration;

use mcps_core::clock::Timestamp;

use super::{Content, EvidenceType, Policy, Subject, Verdict};
use crate::outbound::{Outbound, OutboundError};

/// Where the challenge is put, from the root of the origin on. A line of its own: several subjects
/// may live at one origin.
pub const WELL_KNOWN: &str = "/.well-known/mcps-origin";
/// How long a challenge may be answered.
pub const CHALLENGE_LIFE: Duration = Duration::from_secs(24 * 3600);
/// Most bytes that are read there.
const MAX_BYTES: usize = 16 * 1024;
/// Who saw it.
const WHO: &str = "authority";

/// A challenge that was given out for a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginChallenge {
    /// For whom.
    pub subject: Subject,
    /// Which origin.
    pub origin: String,
    /// 256 random bits, base64url.
    pub challenge: String,
    /// The operator who asked.
    pub asked_by: String,
    /// Until when.
    pub expires_at: Timestamp,
}

/// Why an origin is not proven.
#[derive(Debug, thiserror::Error)]
pub enum OriginError {
    /// It could not be fetched.
    #[error("{url} could not be fetched: {source}")]
    Fetch {
        /// What.
        url: String,
        /// Why.
        source: OutboundError,
    },
    /// Something else stands there.
    #[error("{url} does not hold the challenge on a line of its own")]
    Other {
        /// What.
        url: String,
    },
}

/// The URL for an origin, whatever path it has: who has the host has its paths.
#[must_use]
pub fn url(origin: &str) -> String {
    let host = match origin.split_once("://") {
        Some((scheme, rest)) => {
            let authority = rest.split('/').next().unwrap_or_default();
            format!("{scheme}://{authority}")
        }
        None => origin.to_owned(),
    };
    host + WELL_KNOWN
}

/// Fetches it and looks for the challenge; gives what is to be filed.
///
/// # Errors
/// [`OriginError`].
pub async fn check(
    asked: &OriginChallenge,
    outbound: &Outbound,
    policy: &Policy,
    now: Timestamp,
) -> Result<Content, OriginError> {
    let url = url(&asked.origin);
    let body = match outbound.get(&url, MAX_BYTES).await {
        Ok(body) => body,
        Err(source) => return Err(OriginError::Fetch { url, source }),
    };
    let mut lines = body.split(|byte| *byte == b'\n');
    let challenge = asked.challenge.as_bytes();
    if !lines.any(|line| line.trim_ascii() == challenge) {
        return Err(OriginError::Other { url });
    }
    Ok(Content {
        subject: asked.subject.clone(),
        kind: EvidenceType::OriginCheck,
        verdict: Verdict::Pass,
        manifest: None,
        origin: Some(asked.origin.clone()),
        who: WHO.to_owned(),
        observed_at: now,
        valid_until: now.plus(policy.origin_check),
        statement: format!(
            "{url} held the challenge {} that {} asked for",
            asked.challenge, asked.asked_by
        ),
        scanner: None,
        reported: None,
        waives: None,
    })
}
