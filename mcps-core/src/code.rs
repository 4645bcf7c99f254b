//! The one table of refusal codes: what a peer may be told, and how each transport says it.
//!
//! 001–015 keep the numbers of *draft-sharif-mcps-secure-mcp-00*; 016 and up are ours.
//! JSON-RPC numbers are `-33000 - n`, outside the range that MCP keeps for itself.

use std::fmt;

/// Why a call was refused, as far as the peer is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum Code {
    /// MCPS-001: the passport is missing, malformed, or not vouched for.
    InvalidPassport = 1,
    /// MCPS-002: the passport, or one in its chain, has expired.
    PassportExpired = 2,
    /// MCPS-003: the passport, its key or its issuer is revoked or suspended.
    PassportRevoked = 3,
    /// MCPS-004: a signature does not verify over what was received.
    InvalidSignature = 4,
    /// MCPS-005: this nonce was seen before.
    Replayed = 5,
    /// MCPS-006: the message is older or newer than the window allows.
    OutOfWindow = 6,
    /// MCPS-007: the trust authority could not be asked.
    AuthorityUnreachable = 7,
    /// MCPS-008: a tool definition is not the one that was signed or pinned.
    ToolIntegrity = 8,
    /// MCPS-009: the caller's effective trust level is below what is required.
    TrustTooLow = 9,
    /// MCPS-010: a limit on rate or on bounded state was reached.
    RateLimited = 10,
    /// MCPS-011: the passport's origin is not the server's.
    OriginMismatch = 11,
    /// MCPS-012: the run a message came to, the access token it came with or the negotiation before
    /// it is not the one that was signed for.
    TranscriptBinding = 12,
    /// MCPS-013: the passport exceeds 8192 bytes.
    PassportTooLarge = 13,
    /// MCPS-014: the issuer chain exceeds its maximum depth.
    ChainTooDeep = 14,
    /// MCPS-015: no version of the profile is shared.
    NoMutualVersion = 15,
    /// MCPS-016: the message is addressed to somebody else.
    WrongAudience = 16,
    /// MCPS-017: the answer does not belong to a request that was made.
    NotBound = 17,
    /// MCPS-018: a message of the stream was cut, inserted or re-ordered.
    StreamBroken = 18,
    /// MCPS-019: what is known of revocations is older than the level allows.
    StatusTooOld = 19,
    /// MCPS-020: the message is not well-formed.
    Malformed = 20,
    /// MCPS-021: the server or tool is in quarantine.
    Quarantined = 21,
    /// MCPS-022: a policy denies the call.
    Denied = 22,
    /// MCPS-023: approval is needed, was refused or did not arrive in time.
    ApprovalNeeded = 23,
    /// MCPS-024: the content was blocked.
    ContentBlocked = 24,
    /// MCPS-025: an operator stopped this.
    Stopped = 25,
    /// MCPS-026: a signature is required and there was none.
    SignatureRequired = 26,
    /// MCPS-027: the server behind could not be reached or died.
    UpstreamUnavailable = 27,
    /// MCPS-028: no server is registered under that name.
    UnknownServer = 28,
    /// MCPS-029: the decision could not be put on record.
    RecordUnavailable = 29,
    /// MCPS-030: the API key or access token is none that is good here.
    InvalidCredential = 30,
    /// MCPS-031: the keys of an access token's issuer could not be had.
    IssuerUnreachable = 31,
    /// MCPS-032: what several gateways remember together could not be reached.
    SharedStateUnavailable = 32,
    /// MCPS-033: the access token is good and lacks a scope.
    InsufficientScope = 33,
}

struct Row {
    code: Code,
    id: &'static str,
    http: u16,
    title: &'static str,
    advice: &'static str,
}

const fn row(
    code: Code,
    id: &'static str,
    http: u16,
    title: &'static str,
    advice: &'static str,
) -> Row {
    Row {
        code,
        id,
        http,
        title,
        advice,
    }
}

#[rustfmt::skip]
const TABLE: [Row; 33] = [
    row(Code::InvalidPassport, "MCPS-001", 401, "Invalid passport", "Present a passport from an authority this peer trusts: mcps passport request"),
    row(Code::PassportExpired, "MCPS-002", 401, "Passport expired", "Renew it: mcps passport renew"),
    row(Code::PassportRevoked, "MCPS-003", 403, "Passport revoked", "Ask the operator of the trust authority why; a suspension can be lifted, and a revoked passport does not come back"),
    row(Code::InvalidSignature, "MCPS-004", 401, "Invalid signature", "Something between the two ends changed the message; sign at the last hop that may"),
    row(Code::Replayed, "MCPS-005", 409, "Replay detected", "Sign every message anew; a nonce is good once"),
    row(Code::OutOfWindow, "MCPS-006", 401, "Timestamp out of window", "Set the clocks of both machines (NTP)"),
    row(Code::AuthorityUnreachable, "MCPS-007", 503, "Trust authority unreachable", "Check the authority and the network to it: curl <authority>/readyz"),
    row(Code::ToolIntegrity, "MCPS-008", 409, "Tool integrity check failed", "The tool differs from what was signed or pinned, and an operator must look at the change; or the server lists no such tool: check the name"),
    row(Code::TrustTooLow, "MCPS-009", 403, "Insufficient trust level", "Raise the passport's level at the authority, or lower the required level"),
    row(Code::RateLimited, "MCPS-010", 429, "Rate limited", "Wait and try again"),
    row(Code::OriginMismatch, "MCPS-011", 403, "Origin mismatch", "Use a passport that was issued for this server's origin"),
    row(Code::TranscriptBinding, "MCPS-012", 403, "Transcript binding failed", "It was signed for another run, access token or negotiation; find out who on the way put them together"),
    row(Code::PassportTooLarge, "MCPS-013", 413, "Passport too large", "Keep the passport at or below 8192 bytes"),
    row(Code::ChainTooDeep, "MCPS-014", 401, "Issuer chain too deep", "Shorten the chain of issuers"),
    row(Code::NoMutualVersion, "MCPS-015", 400, "No mutually supported version", "Use a peer that speaks profile version 1.0"),
    row(Code::WrongAudience, "MCPS-016", 403, "Wrong audience", "Address the message to the server that receives it"),
    row(Code::NotBound, "MCPS-017", 502, "Response not bound to the request", "The answer belongs to another request; connect again"),
    row(Code::StreamBroken, "MCPS-018", 409, "Stream broken", "A message was lost, added or re-ordered on the way; connect again"),
    row(Code::StatusTooOld, "MCPS-019", 503, "Revocation status too old", "Restore the connection to the trust authority"),
    row(Code::Malformed, "MCPS-020", 400, "Malformed message", "Send one JSON-RPC 2.0 object of strict JSON (RFC 7493)"),
    row(Code::Quarantined, "MCPS-021", 403, "Quarantined", "Ask an operator to look at the server or tool and promote it"),
    row(Code::Denied, "MCPS-022", 403, "Denied by policy", "Ask the platform team which rule decided, with the decision id"),
    row(Code::ApprovalNeeded, "MCPS-023", 403, "Approval required", "Nobody can be asked yet, so that the call is refused; ask the platform team which rule decided, with the decision id"),
    row(Code::ContentBlocked, "MCPS-024", 403, "Content blocked", "Ask the platform team which finding decided, with the decision id; gateways do not look for any yet"),
    row(Code::Stopped, "MCPS-025", 403, "Stopped by an operator", "Ask the platform team; the stop is deliberate"),
    row(Code::SignatureRequired, "MCPS-026", 401, "Signature required", "Connect through `mcps connect`, which signs every message"),
    row(Code::UpstreamUnavailable, "MCPS-027", 502, "Upstream unavailable", "Check the server command and its standard error, or its URL"),
    row(Code::UnknownServer, "MCPS-028", 404, "Unknown server", "Ask the platform team to register the server with the gateway; or no server lists such a tool: check the name"),
    row(Code::RecordUnavailable, "MCPS-029", 503, "Record unavailable", "Make room for the gateway's records, or mend where they go"),
    row(Code::InvalidCredential, "MCPS-030", 401, "Invalid credential", "Get a new access token, or ask the platform team for a key: mcps-gateway key new"),
    row(Code::IssuerUnreachable, "MCPS-031", 503, "Token issuer unreachable", "Check the issuer of the access token and the network to it: curl <issuer>/.well-known/openid-configuration"),
    row(Code::SharedStateUnavailable, "MCPS-032", 503, "Shared state unavailable", "Restore the Redis or Valkey that the gateways share, then sign and send anew"),
    row(Code::InsufficientScope, "MCPS-033", 403, "Insufficient scope", "Get an access token with the scopes that WWW-Authenticate names"),
];

impl Code {
    /// Every code, in order of its number.
    #[expect(
        clippy::indexing_slicing,
        reason = "evaluated at compile time, within both arrays' one length"
    )]
    pub const ALL: [Code; 33] = {
        let mut all = [Code::InvalidPassport; 33];
        let mut i = 0;
        while i < all.len() {
            all[i] = TABLE[i].code;
            i += 1;
        }
        all
    };

    #[expect(
        clippy::indexing_slicing,
        reason = "a test holds that row n-1 is code n"
    )]
    const fn row(self) -> &'static Row {
        &TABLE[self as usize - 1]
    }

    /// `MCPS-001` and so on.
    #[must_use]
    pub const fn id(self) -> &'static str {
        self.row().id
    }

    /// 1 to 33.
    #[must_use]
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// The JSON-RPC error number, `-33000 - n`.
    #[must_use]
    pub const fn jsonrpc(self) -> i64 {
        -33000 - self as i64
    }

    /// The HTTP status an edge answers with.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        self.row().http
    }

    /// The constant title. With the advice it is all that a peer is told.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.row().title
    }

    /// What to do about it, for people: one constant sentence, in which no quotation mark needs an escape.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        self.row().advice
    }

    /// The code behind a JSON-RPC error number, if it is one of ours.
    #[must_use]
    pub fn from_jsonrpc(number: i64) -> Option<Code> {
        Code::ALL.into_iter().find(|code| code.jsonrpc() == number)
    }

    /// The code with this id (`MCPS-009`).
    #[must_use]
    pub fn from_id(id: &str) -> Option<Code> {
        Code::ALL.into_iter().find(|code| code.id() == id)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id(), self.title())
    }
}

#[cfg(test)]
mod tests;
