//! Status, slug and title of every failure.

use axum::http::StatusCode;

use crate::acks::AckError;
use crate::error::Error;
use crate::keys::KeyChangeError;
use crate::oidc::OidcError;

/// HTTP status, slug and title of each failure.
pub(super) const fn of(error: &Error) -> (StatusCode, &'static str, &'static str) {
    match error {
        Error::Json(_) => (StatusCode::BAD_REQUEST, "malformed-json", "Malformed JSON"),
        Error::Body(_) | Error::Invalid { .. } | Error::PolicyForm(_) | Error::VerdictsForm(_) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid-request",
            "Invalid request",
        ),
        Error::NotJson => (
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not-json",
            "Not announced as JSON",
        ),
        Error::BodyTooLarge { .. } => (
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            "Body too large",
        ),
        Error::BodyCut => (StatusCode::BAD_REQUEST, "body-cut", "Body ended early"),
        Error::Cursor => (
            StatusCode::BAD_REQUEST,
            "bad-cursor",
            "Not a cursor of this list",
        ),
        Error::PassportId => (
            StatusCode::BAD_REQUEST,
            "bad-passport-id",
            "Not a passport id",
        ),
        Error::OperatorRequired => (
            StatusCode::UNAUTHORIZED,
            "operator-required",
            "Operator required",
        ),
        Error::RoleRequired { .. } => (StatusCode::FORBIDDEN, "role-required", "Role required"),
        Error::Oidc(OidcError::Refused(_)) => (
            StatusCode::UNAUTHORIZED,
            "access-token-refused",
            "Access token refused",
        ),
        Error::OperatorNotFound => (
            StatusCode::NOT_FOUND,
            "operator-not-found",
            "Operator not found",
        ),
        Error::OperatorUnchanged(_) => (
            StatusCode::CONFLICT,
            "operator-unchanged",
            "Operator not changed",
        ),
        Error::TenantNotFound => (
            StatusCode::NOT_FOUND,
            "tenant-not-found",
            "Tenant not found",
        ),
        Error::TokenRefused(_) => (StatusCode::FORBIDDEN, "token-refused", "Token refused"),
        Error::TokenBound { .. } => (
            StatusCode::FORBIDDEN,
            "token-bound",
            "Beyond what the token allows",
        ),
        Error::TokenNotFound => (StatusCode::NOT_FOUND, "token-not-found", "Token not found"),
        Error::TokenUsed { .. } => (StatusCode::CONFLICT, "token-used", "Token used"),
        Error::PassportNotFound => (
            StatusCode::NOT_FOUND,
            "passport-not-found",
            "Passport not found",
        ),
        Error::NoSuchList => (
            StatusCode::NOT_FOUND,
            "status-list-not-found",
            "No such status list",
        ),
        Error::NoSuchRoute => (StatusCode::NOT_FOUND, "no-such-route", "No such route"),
        Error::Method => (
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "Method not allowed",
        ),
        Error::WrongAudience => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "wrong-audience",
            "Wrong audience",
        ),
        Error::TooManyChallenges => (
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-challenges",
            "Too many open challenges",
        ),
        Error::RateLimited { .. } => (
            StatusCode::TOO_MANY_REQUESTS,
            "rate-limited",
            "Too many requests",
        ),
        Error::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy", "Busy issuing"),
        Error::ChallengeRefused => (
            StatusCode::FORBIDDEN,
            "challenge-refused",
            "Challenge refused",
        ),
        Error::ProofRefused(_) => (StatusCode::FORBIDDEN, "proof-refused", "Proof refused"),
        Error::EvidenceNeeded => (StatusCode::FORBIDDEN, "evidence-needed", "Evidence needed"),
        Error::NameTaken { .. } => (StatusCode::CONFLICT, "name-taken", "Name taken"),
        Error::KeyBlocked => (StatusCode::FORBIDDEN, "key-blocked", "Key blocked"),
        Error::Revoked => (StatusCode::CONFLICT, "passport-revoked", "Passport revoked"),
        Error::Superseded => (
            StatusCode::CONFLICT,
            "passport-superseded",
            "Passport superseded",
        ),
        Error::KeyNotFound => (StatusCode::NOT_FOUND, "key-not-found", "Key not found"),
        Error::OwnKey => (
            StatusCode::CONFLICT,
            "authority-key",
            "A key of the authority",
        ),
        Error::Restricted { .. } => (StatusCode::FORBIDDEN, "held-back", "Held back"),
        Error::KeyId => (StatusCode::BAD_REQUEST, "bad-key-id", "Not a key id"),
        Error::KeyChange(error) => key_change(error),
        Error::ServerId => (StatusCode::BAD_REQUEST, "bad-server-id", "Not a server id"),
        Error::ServerNotFound => (
            StatusCode::NOT_FOUND,
            "server-not-found",
            "Server not found",
        ),
        Error::ServerExists { .. } => (StatusCode::CONFLICT, "server-exists", "Server exists"),
        Error::NoRevision => (
            StatusCode::PRECONDITION_REQUIRED,
            "revision-required",
            "Revision required",
        ),
        Error::Revision => (StatusCode::BAD_REQUEST, "bad-revision", "Not a revision"),
        Error::Changed => (
            StatusCode::PRECONDITION_FAILED,
            "changed-meanwhile",
            "Changed meanwhile",
        ),
        Error::Contended => (
            StatusCode::CONFLICT,
            "contended",
            "Changed at the same time",
        ),
        Error::Retired => (StatusCode::CONFLICT, "server-retired", "Server retired"),
        Error::NotActive { .. } => (
            StatusCode::CONFLICT,
            "server-not-active",
            "Server not active",
        ),
        Error::NotPublisher(_) => (StatusCode::FORBIDDEN, "not-publisher", "Not its publisher"),
        Error::ManifestRefused(_) => (
            StatusCode::FORBIDDEN,
            "manifest-refused",
            "Manifest refused",
        ),
        Error::OtherContent { .. } => (
            StatusCode::CONFLICT,
            "version-taken",
            "The version says something else",
        ),
        Error::ManifestNotFound => (
            StatusCode::NOT_FOUND,
            "manifest-not-found",
            "Manifest not found",
        ),
        Error::TenantPath => (StatusCode::BAD_REQUEST, "bad-tenant", "Not a tenant"),
        Error::PolicyNotFound => (
            StatusCode::NOT_FOUND,
            "policy-not-found",
            "Policy not found",
        ),
        Error::Verdict(_) => (StatusCode::CONFLICT, "not-ordered", "Not carried out"),
        Error::VerdictsNotFound => (
            StatusCode::NOT_FOUND,
            "verdicts-not-found",
            "Verdicts not found",
        ),
        Error::SubjectPath => (StatusCode::BAD_REQUEST, "bad-subject", "Not a subject"),
        Error::SubjectNotFound => (
            StatusCode::NOT_FOUND,
            "subject-not-found",
            "Subject not found",
        ),
        Error::EvidenceNotFound => (
            StatusCode::NOT_FOUND,
            "evidence-not-found",
            "Evidence not found",
        ),
        Error::OwnEvidence => (StatusCode::FORBIDDEN, "own-evidence", "Own evidence"),
        Error::Report(error) => super::evidence::report(error),
        Error::ReportNotFound => (
            StatusCode::NOT_FOUND,
            "report-not-found",
            "Report not found",
        ),
        Error::Scanner(error) => super::evidence::scanner(*error),
        Error::Approval(_) | Error::OtherApproval(_) => (
            StatusCode::FORBIDDEN,
            "approval-refused",
            "Approval refused",
        ),
        Error::NoApproval => (StatusCode::CONFLICT, "no-approval", "Nothing to approve"),
        Error::ApproverKeyNotFound => (
            StatusCode::CONFLICT,
            "approver-key-not-found",
            "No such approver key",
        ),
        Error::ApproverKeyTaken => (
            StatusCode::CONFLICT,
            "approver-key-taken",
            "Another approver key",
        ),
        Error::NoOrigin => (StatusCode::CONFLICT, "no-origin", "No origin"),
        Error::NoOriginChallenge => (
            StatusCode::CONFLICT,
            "no-origin-challenge",
            "No open challenge",
        ),
        Error::OriginNotProven(_) => (
            StatusCode::CONFLICT,
            "origin-not-proven",
            "Origin not proven",
        ),
        Error::NotAccountable => (
            StatusCode::FORBIDDEN,
            "not-accountable",
            "Nobody answers for it",
        ),
        Error::OtherBody => (
            StatusCode::CONFLICT,
            "other-body",
            "Another order under this key",
        ),
        Error::IdempotencyKey => (
            StatusCode::BAD_REQUEST,
            "bad-idempotency-key",
            "Not an idempotency key",
        ),
        Error::ActionNotFound => (
            StatusCode::NOT_FOUND,
            "action-not-found",
            "Action not found",
        ),
        Error::NotUndone(_) => (StatusCode::CONFLICT, "not-undone", "Cannot be undone"),
        Error::Disbelieved(_) | Error::HookUnknown => {
            (StatusCode::UNAUTHORIZED, "report-refused", "Report refused")
        }
        Error::Profile(_) | Error::Wish(_) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid-source",
            "The source cannot be set up so",
        ),
        Error::HookNotFound => (
            StatusCode::NOT_FOUND,
            "source-not-found",
            "Source not found",
        ),
        Error::Outbound(_) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "address-refused",
            "Address refused",
        ),
        Error::WebhookNotFound => (
            StatusCode::NOT_FOUND,
            "webhook-not-found",
            "Webhook not found",
        ),
        Error::ReceiverUnknown => (
            StatusCode::UNAUTHORIZED,
            "receiver-refused",
            "Receiver refused",
        ),
        Error::IncidentNotFound => (
            StatusCode::NOT_FOUND,
            "incident-not-found",
            "Incident not found",
        ),
        Error::NotProposed { .. } => (StatusCode::CONFLICT, "not-proposed", "Not a proposal"),
        Error::Unread(_) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "report-unread",
            "Report not understood",
        ),
        Error::OutOfReach => (StatusCode::FORBIDDEN, "out-of-reach", "Out of reach"),
        Error::Position => (StatusCode::BAD_REQUEST, "bad-position", "Not a position"),
        Error::Pruned { .. } => (StatusCode::GONE, "position-pruned", "No longer kept"),
        Error::EpochEnded { .. } => (StatusCode::GONE, "epoch-ended", "The epoch has ended"),
        Error::AckForm(_) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid-request",
            "Invalid request",
        ),
        Error::Ack(error) => ack(*error),
        Error::Ahead { .. } => (StatusCode::NOT_FOUND, "position-ahead", "Not reached yet"),
        Error::EpochNotFound => (StatusCode::NOT_FOUND, "epoch-not-found", "No such epoch"),
        Error::TooManyFollowers => (
            StatusCode::SERVICE_UNAVAILABLE,
            "too-many-followers",
            "Too many followers",
        ),
        Error::Expired => (StatusCode::CONFLICT, "passport-expired", "Passport expired"),
        Error::Overtaken => (
            StatusCode::CONFLICT,
            "overtaken",
            "Expired before it was signed",
        ),
        Error::KeyUnusable { .. }
        | Error::Signer(_)
        | Error::Random(_)
        | Error::Database(_)
        | Error::Audit(_)
        | Error::StatusList(_)
        | Error::Oidc(OidcError::Unreachable)
        | Error::FeedBehind => (
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "Temporarily unavailable",
        ),
        Error::CrossCheck(_) | Error::Stored(_) | Error::Event(_) | Error::NoScribe => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Internal error",
        ),
        Error::Timeout => (
            StatusCode::REQUEST_TIMEOUT,
            "timeout",
            "Request took too long",
        ),
    }
}

const fn ack(error: AckError) -> (StatusCode, &'static str, &'static str) {
    match error {
        AckError::ForeignAuthority
        | AckError::UnknownPassport
        | AckError::Revoked
        | AckError::Expired
        | AckError::BadSignature
        | AckError::Clock => (
            StatusCode::FORBIDDEN,
            "ack-refused",
            "Acknowledgement refused",
        ),
        AckError::Ahead => (StatusCode::CONFLICT, "ack-ahead", "Ahead of the feed"),
        AckError::NotNewer => (StatusCode::CONFLICT, "ack-not-newer", "Not newer"),
        AckError::TooMany => (
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-acks",
            "Too many acknowledgements",
        ),
    }
}

const fn key_change(error: &KeyChangeError) -> (StatusCode, &'static str, &'static str) {
    match error {
        KeyChangeError::Unknown => (
            StatusCode::NOT_FOUND,
            "authority-key-not-found",
            "No such authority key",
        ),
        KeyChangeError::RootAbsent => (
            StatusCode::CONFLICT,
            "root-key-elsewhere",
            "The root key is elsewhere",
        ),
        KeyChangeError::Root
        | KeyChangeError::RootPrepared(_)
        | KeyChangeError::State { .. }
        | KeyChangeError::Signs
        | KeyChangeError::Only
        | KeyChangeError::Absent { .. }
        | KeyChangeError::Full => (
            StatusCode::CONFLICT,
            "key-not-changed",
            "The key is not changed",
        ),
        KeyChangeError::Contended | KeyChangeError::Custody(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "Temporarily unavailable",
        ),
        KeyChangeError::NotUnderstood | KeyChangeError::Set(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Internal error",
        ),
    }
}
