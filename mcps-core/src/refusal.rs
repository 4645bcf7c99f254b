//! Why the protocol refused something: the crate's error. The peer sees [`Refusal::code`] and its
//! title; the `Display` text is for the operator's log and never holds content, keys or tokens.

use crate::code::Code;
use crate::json::JsonError;
use crate::level::TrustLevel;

/// One refusal, with what the operator needs to understand it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The bytes are not strict JSON (RFC 7493).
    #[error("not strict JSON: {0}")]
    Json(#[from] JsonError),
    /// JSON, but not a JSON-RPC 2.0 message that this profile carries.
    #[error("not a JSON-RPC 2.0 message: {0}")]
    Message(&'static str),
    /// The signature block is missing members, mistyped, or has unknown ones.
    #[error("malformed envelope: {0}")]
    Envelope(&'static str),
    /// A signed statement other than a message is malformed.
    #[error("malformed {what}: {why}")]
    Statement {
        /// Which kind of statement.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// There is no signature where one is required.
    #[error("no signature on a message that must be signed")]
    Unsigned,
    /// The passport cannot be read, or its members contradict the profile.
    #[error("malformed passport: {0}")]
    Passport(&'static str),
    /// The passport was signed by nobody in the trust store.
    #[error("passport from an issuer that is not trusted here")]
    UnknownIssuer,
    /// A chain member was not entitled to issue this passport.
    #[error("issuer chain: {0}")]
    Chain(&'static str),
    /// The chain has more than five members, or more than its constraints allow.
    #[error("issuer chain is too deep")]
    ChainTooDeep,
    /// The passport is above 8192 bytes.
    #[error("passport of {bytes} bytes; at most 8192 are allowed")]
    PassportTooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The peer named a passport by id that is not known here.
    #[error("passport is named by id only and not known here")]
    PassportWanted,
    /// The passport or one of its issuers is past its time.
    #[error("passport expired")]
    Expired,
    /// The passport's `issued_at` lies in the future.
    #[error("passport issued in the future")]
    NotYetValid,
    /// Revoked, suspended, or unknown to its authority, which means the same.
    #[error("passport is {0} at its authority")]
    Revoked(&'static str),
    /// The signature is not one by that key over these bytes.
    #[error("signature does not verify")]
    BadSignature,
    /// The nonce was used before.
    #[error("nonce was used before")]
    Replayed,
    /// The message was stamped before this process could remember nonces.
    #[error("stamped before this process started; its nonce may have been used")]
    BeforeBoot,
    /// The store in which several processes remember nonces together did not answer, or not in time.
    #[error("what several processes remember together cannot be reached")]
    SharedStateUnavailable,
    /// The timestamp is outside the window.
    #[error("timestamp is {off_ms} ms off; the window is {window_ms} ms back")]
    OutOfWindow {
        /// Message time minus local time, in milliseconds.
        off_ms: i64,
        /// Window into the past, in milliseconds.
        window_ms: i64,
    },
    /// A bounded table is full.
    #[error("{0} is full")]
    Full(&'static str),
    /// Addressed to another server or agent.
    #[error("addressed to another audience")]
    WrongAudience,
    /// The answer names another request, or none.
    #[error("answer is not bound to a request of ours: {0}")]
    NotBound(&'static str),
    /// Authentic, and signed for another run than this connection's, or for none.
    #[error("not bound to this connection: {0}")]
    Unbound(&'static str),
    /// The access token that came with a message is not the one that was signed for (`ath`).
    #[error("access token: {0}")]
    AccessToken(&'static str),
    /// Sequence number or predecessor hash do not continue the stream.
    #[error("stream broken: {0}")]
    StreamBroken(&'static str),
    /// The effective level is below the required one.
    #[error("effective trust level {have} is below the required {need}")]
    TrustTooLow {
        /// What the caller has.
        have: TrustLevel,
        /// What is asked for.
        need: TrustLevel,
    },
    /// No revocation status within the bound of the level.
    #[error("revocation status is older than {level} allows")]
    StatusTooOld {
        /// The level whose bound was exceeded.
        level: TrustLevel,
    },
    /// The authority did not answer.
    #[error("trust authority unreachable")]
    AuthorityUnreachable,
    /// A tool definition differs from its signature, manifest or pin.
    #[error("tool integrity: {0}")]
    Tool(&'static str),
    /// A tool changed and nobody has approved the change.
    #[error("quarantined until an operator approves")]
    Quarantined,
    /// An operator stopped it, or all of its tenant, or everything.
    #[error("stopped by an operator")]
    Stopped,
    /// Whoever decides here has refused it, and said why where it was decided.
    #[error("refused as {}", .0.id())]
    Decided(Code),
    /// The passport's origin is not the one that was reached.
    #[error("passport origin does not match")]
    OriginMismatch,
    /// The peer does not speak this profile.
    #[error("peer does not announce signing, or not a version we share")]
    NoMutualVersion,
    /// We are to send an access token and have none.
    #[error("the access token to send cannot be had")]
    NoAccessToken,
    /// The server behind us is gone.
    #[error("server behind is unavailable")]
    Upstream,
}

impl Refusal {
    /// The row of the code table that the peer is told.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Json(_) | Self::Message(_) | Self::Envelope(_) | Self::Statement { .. } => {
                Code::Malformed
            }
            Self::Unsigned => Code::SignatureRequired,
            Self::Passport(_)
            | Self::UnknownIssuer
            | Self::Chain(_)
            | Self::PassportWanted
            | Self::NotYetValid => Code::InvalidPassport,
            Self::ChainTooDeep => Code::ChainTooDeep,
            Self::PassportTooLarge { .. } => Code::PassportTooLarge,
            Self::Expired => Code::PassportExpired,
            Self::Revoked(_) => Code::PassportRevoked,
            Self::BadSignature => Code::InvalidSignature,
            Self::Replayed => Code::Replayed,
            Self::BeforeBoot | Self::OutOfWindow { .. } => Code::OutOfWindow,
            Self::SharedStateUnavailable => Code::SharedStateUnavailable,
            Self::Full(_) => Code::RateLimited,
            Self::WrongAudience => Code::WrongAudience,
            Self::NotBound(_) => Code::NotBound,
            Self::Unbound(_) | Self::AccessToken(_) => Code::TranscriptBinding,
            Self::StreamBroken(_) => Code::StreamBroken,
            Self::TrustTooLow { .. } => Code::TrustTooLow,
            Self::StatusTooOld { .. } => Code::StatusTooOld,
            Self::AuthorityUnreachable => Code::AuthorityUnreachable,
            Self::Tool(_) => Code::ToolIntegrity,
            Self::Quarantined => Code::Quarantined,
            Self::Stopped => Code::Stopped,
            Self::Decided(code) => *code,
            Self::OriginMismatch => Code::OriginMismatch,
            Self::NoMutualVersion => Code::NoMutualVersion,
            Self::NoAccessToken | Self::Upstream => Code::UpstreamUnavailable,
        }
    }

    /// Whether the peer can mend it by sending its whole passport (`data.want: "passport"`).
    #[must_use]
    pub const fn wants_passport(&self) -> bool {
        matches!(self, Self::PassportWanted)
    }
}
