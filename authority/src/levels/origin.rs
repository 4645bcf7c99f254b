//! Control of an origin: a challenge that stands where only its owner can put it.

use std::time::Duration;

use mcps_core::clock::Timestamp;

use mcps_core::random::Random;

use super::{Content, EvidenceType, Policy, Subject, Verdict};
use crate::outbound::{Outbound, OutboundError, TxtError};

/// Where the challenge is put, from the root of the origin on. A line of its own: several subjects
/// may live at one origin.
pub const WELL_KNOWN: &str = "/.well-known/mcps-origin";
/// What the name of a host is put behind, for a TXT record that holds the challenge.
const DNS_LABEL: &str = "_mcps-challenge";
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
    /// Nothing is known of the record.
    #[error("the TXT records of {name} could not be read: {source}")]
    Record {
        /// Whose.
        name: String,
        /// Why.
        source: TxtError,
    },
    /// There is no such record.
    #[error("no TXT record of {name} holds the challenge")]
    NoRecord {
        /// Whose.
        name: String,
    },
    /// An address has no records.
    #[error("the origin is an address and no name, and has no TXT record")]
    NoName,
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

/// The name whose TXT record may hold the challenge; `None` for an origin that is an address.
#[must_use]
pub fn dns_name(origin: &str) -> Option<String> {
    let (_, rest) = origin.split_once("://")?;
    let authority = rest.split('/').next()?;
    if authority.starts_with('[') {
        return None;
    }
    let host = authority.split(':').next()?;
    let address = host.parse::<std::net::Ipv4Addr>().is_ok();
    (!address).then(|| format!("{DNS_LABEL}.{host}"))
}

/// Where the challenge is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At [`WELL_KNOWN`].
    WellKnown,
    /// In a TXT record.
    Dns,
}

/// Looks for the challenge; gives what is to be filed.
///
/// # Errors
/// [`OriginError`].
pub async fn check(
    asked: &OriginChallenge,
    place: Place,
    outbound: &Outbound,
    random: &dyn Random,
    policy: &Policy,
    now: Timestamp,
) -> Result<Content, OriginError> {
    let place = match place {
        Place::WellKnown => fetched(asked, outbound).await?,
        Place::Dns => recorded(asked, outbound, random).await?,
    };
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
            "{place} held the challenge {} that {} asked for",
            asked.challenge, asked.asked_by
        ),
        scanner: None,
        reported: None,
        waives: None,
    })
}

/// The URL that holds the challenge.
async fn fetched(asked: &OriginChallenge, outbound: &Outbound) -> Result<String, OriginError> {
    let url = url(&asked.origin);
    let body = match outbound.get(&url, MAX_BYTES).await {
        Ok(body) => body,
        Err(source) => return Err(OriginError::Fetch { url, source }),
    };
    let mut lines = body.split(|byte| *byte == b'\n');
    let challenge = asked.challenge.as_bytes();
    match lines.any(|line| line.trim_ascii() == challenge) {
        true => Ok(url),
        false => Err(OriginError::Other { url }),
    }
}

/// The name whose TXT record holds the challenge.
async fn recorded(
    asked: &OriginChallenge,
    outbound: &Outbound,
    random: &dyn Random,
) -> Result<String, OriginError> {
    let name = dns_name(&asked.origin).ok_or(OriginError::NoName)?;
    let texts = match outbound.texts(&name, random).await {
        Ok(texts) => texts,
        Err(source) => return Err(OriginError::Record { name, source }),
    };
    let challenge = asked.challenge.as_bytes();
    match texts.iter().any(|text| text.trim_ascii() == challenge) {
        true => Ok(format!("the TXT record of {name}")),
        false => Err(OriginError::NoRecord { name }),
    }
}
