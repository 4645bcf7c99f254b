//! Everything that can go wrong while a request is served. [`crate::problem`] is the one place
//! that turns it into an answer.

use mcps_core::json::JsonError;
use mcps_core::random::RandomError;
use mcps_core::refusal::Refusal;
use mcps_core::signer::SignerError;

use crate::access::Permission;
use crate::keys::KeyChangeError;
use crate::oidc::OidcError;

/// A request that was not served, and whose fault that is.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The body is not strict JSON (RFC 7493).
    #[error("the body is not strict JSON: {0}")]
    Json(#[from] JsonError),
    /// The body is JSON but not what this route takes.
    #[error("{0}")]
    Body(String),
    /// One member has a value that is not allowed.
    #[error("`{member}` {why}")]
    Invalid {
        /// Which member of the body or the query.
        member: &'static str,
        /// What it must be.
        why: &'static str,
    },
    /// The body is not announced as JSON.
    #[error("send the body with `content-type: application/json`")]
    NotJson,
    /// The body is larger than this service reads.
    #[error("the body may have at most {limit} bytes")]
    BodyTooLarge {
        /// How many are read.
        limit: usize,
    },
    /// The body could not be read to its end.
    #[error("the body could not be read to its end")]
    BodyCut,
    /// The cursor is not one of this list.
    #[error(
        "the cursor is not one that this list gave for this query; start again from the first page"
    )]
    Cursor,
    /// The path does not hold a passport id.
    #[error("a passport id is `asp_` and 32 lower-case hex digits, with nothing around it")]
    PassportId,
    /// No operator's key, or nobody's.
    #[error("this needs `authorization: Bearer mcps_op_…` with the key of an operator")]
    OperatorRequired,
    /// An operator who holds no role that allows it.
    #[error(
        "this needs the role {}{}; whoever says who the operators are can give it: mcps operator add",
        permission.roles(),
        if *everywhere { ", held for every tenant (ROLE@*), since it reaches beyond one" } else { "" }
    )]
    RoleRequired {
        /// What would have to be allowed.
        permission: Permission,
        /// In every tenant.
        everywhere: bool,
    },
    /// A token of an OpenID provider that opens nothing.
    #[error(transparent)]
    Oidc(#[from] OidcError),
    /// No such operator, or none of the caller's tenants.
    #[error("no operator of that id is known here; see: mcps operator list")]
    OperatorNotFound,
    /// The operator cannot be changed so.
    #[error("{0}")]
    OperatorUnchanged(&'static str),
    /// No such tenant, or none of the caller's.
    #[error("no tenant of that id is known here; see: mcps tenant list")]
    TenantNotFound,
    /// The enrolment token cannot be redeemed.
    #[error("the enrolment token {0}; ask whoever gave it for a new one")]
    TokenRefused(&'static str),
    /// More or other is asked for than the enrolment token was made for.
    #[error(
        "`{member}` is not what the enrolment token was made for; leave it out, or ask for another token"
    )]
    TokenBound {
        /// Which member of the body.
        member: &'static str,
    },
    /// No such token.
    #[error("no enrolment token of that id was made here")]
    TokenNotFound,
    /// The token cannot be withdrawn any more.
    #[error("the enrolment token was used for {passport}; revoke that passport instead")]
    TokenUsed {
        /// What it was used for.
        passport: String,
    },
    /// Nothing was issued under that id.
    #[error("no passport of that id was issued here")]
    PassportNotFound,
    /// No such route.
    #[error("there is no such route; GET /openapi.json lists them")]
    NoSuchRoute,
    /// The route does not take this method.
    #[error("this route does not take that method; GET /openapi.json lists them")]
    Method,
    /// The challenge is for another authority.
    #[error("`audience` must be this authority's name, as /.well-known/mcps-trust states it")]
    WrongAudience,
    /// Too many challenges are open.
    #[error("too many challenges are open; each lapses within a minute")]
    TooManyChallenges,
    /// The caller has spent the budget for such requests.
    #[error("more such requests than this caller may send; wait for {wait_s} s")]
    RateLimited {
        /// How long to wait, in seconds.
        wait_s: u64,
    },
    /// As much is being issued as this process does at once.
    #[error(
        "as much is being issued here as this process does at once; try again, or another replica"
    )]
    Busy,
    /// The challenge cannot be redeemed.
    #[error(
        "the challenge is unknown, used, lapsed, or was made for another tenant, subject, key or audience; ask for a new one"
    )]
    ChallengeRefused,
    /// The proof does not verify.
    #[error("`proof` is not a signature by this key over this challenge")]
    ProofRefused(#[source] Refusal),
    /// Levels 3 and 4 follow from evidence, not from an order.
    #[error(
        "levels 3 and 4 need evidence on file (a passing scan; a manual audit) and cannot be ordered; an operator may set 0, 1 or 2"
    )]
    EvidenceNeeded,
    /// A server that is disabled or retired gets no passport.
    #[error(
        "it is disabled or retired in the registry and gets no passport; an operator may make it active again, unless it is retired"
    )]
    NotAccountable,
    /// Another owner holds the name.
    #[error(
        "another owner holds this name with {holder}; revoke that passport or take another name"
    )]
    NameTaken {
        /// The passport that lives under the name.
        holder: String,
    },
    /// The key was reported compromised.
    #[error("this key was revoked as compromised; make a new key")]
    KeyBlocked,
    /// The passport has been revoked.
    #[error("the passport has been revoked; an operator must issue a new one")]
    Revoked,
    /// The passport's key was exchanged for another.
    #[error("the passport's key was exchanged for another; use the passport of that key")]
    Superseded,
    /// An operator holds back whom a passport is asked for.
    #[error("{what}; an operator must take that back before a passport is issued")]
    Restricted {
        /// `suspended`, `stopped`, `quarantined` or `revoked`.
        what: &'static str,
    },
    /// Nobody here has relied upon the key.
    #[error("no passport was ever issued here for this key, so there is nothing to block")]
    KeyNotFound,
    /// The key is one of the authority's own.
    #[error(
        "this is a key of the authority itself, whose operators have been told; they revoke it: mcps-authority keys revoke"
    )]
    OwnKey,
    /// A step of one of the authority's keys that is not taken.
    #[error(transparent)]
    KeyChange(#[from] KeyChangeError),
    /// The path does not hold a key id.
    #[error("a key id is 43 characters of base64url (RFC 7638)")]
    KeyId,
    /// The path does not hold a server's id.
    #[error("a server's id is `srv_` and 32 lower-case hex digits, with nothing around it")]
    ServerId,
    /// No such server.
    #[error("no server of that id is registered here")]
    ServerNotFound,
    /// Name or origin are taken.
    #[error("{holder} holds this name or this origin in the tenant; retire it or take others")]
    ServerExists {
        /// Which server.
        holder: String,
    },
    /// A change without the revision that it is meant for.
    #[error("say which revision is changed: send its `etag` as `if-match`")]
    NoRevision,
    /// `If-Match` is not of its form.
    #[error("`if-match` is one `etag` as it was sent, or `*`")]
    Revision,
    /// It was changed since it was read.
    #[error("it was changed since you read it; look at it again")]
    Changed,
    /// Somebody else changed what was in the way.
    #[error("something else changed at the same time; send it again")]
    Contended,
    /// The server is retired.
    #[error("the server is retired for good; register another")]
    Retired,
    /// The server may not publish.
    #[error("the server is {state}; an operator may make it active again unless it is retired")]
    NotActive {
        /// `disabled` or `retired`.
        state: &'static str,
    },
    /// The passport is not one to publish with.
    #[error("the publisher's passport {0}")]
    NotPublisher(&'static str),
    /// A manifest or one of its tools is not what the publisher signed.
    #[error("the manifest is not believed: {0}; sign it, and each tool, by the passport's key")]
    ManifestRefused(#[source] Refusal),
    /// The version says something else.
    #[error(
        "version {version} was published as {digest} and says something else; this attempt is recorded, publish the change as a new version"
    )]
    OtherContent {
        /// Which version.
        version: String,
        /// SHA-256 of what it says.
        digest: String,
    },
    /// No such version.
    #[error("no such manifest was published")]
    ManifestNotFound,
    /// The path names no tenant.
    #[error(
        "a tenant is 1 to 63 lower-case letters, digits or `-`, and begins with a letter or digit"
    )]
    TenantPath,
    /// A tenant's policy is not of its form.
    #[error("the policy: {0}")]
    PolicyForm(#[from] mcps_core::tenant::TenantPolicyError),
    /// No such policy.
    #[error(
        "no such policy of that tenant was pushed here; push one: mcps policy push TENANT FILES"
    )]
    PolicyNotFound,
    /// What a tenant's operators said of tools is more than gateways read.
    #[error("the verdicts: {0}")]
    VerdictsForm(#[from] mcps_core::verdict::VerdictsError),
    /// An order about a tool is not carried out.
    #[error("{0}")]
    Verdict(#[from] mcps_core::verdict::OrderError),
    /// No such verdicts.
    #[error("nothing of that digest was ever said of that tenant's tools here")]
    VerdictsNotFound,
    /// The path names no subject.
    #[error("a subject is KIND/TENANT/NAME in the path, as agent/default/crawler")]
    SubjectPath,
    /// Nobody of that kind and name is known.
    #[error("nobody of that kind and name is known in the tenant; enrol or register it first")]
    SubjectNotFound,
    /// No such evidence.
    #[error("no evidence of that id is on file")]
    EvidenceNotFound,
    /// Who submitted evidence does not approve it.
    #[error("who submitted it does not approve it; another operator has to")]
    OwnEvidence,
    /// A report of a scanner is not taken.
    #[error(transparent)]
    Report(#[from] crate::report::ReportError),
    /// The report is not kept any more.
    #[error("the report is not kept, or the evidence rests on none")]
    ReportNotFound,
    /// The list of scanners stays what it is.
    #[error(transparent)]
    Scanner(#[from] crate::levels::ScannerError),
    /// An approval is not what its approver signed.
    #[error("the approval is not believed: {0}")]
    Approval(#[source] Refusal),
    /// An approval says something else than what is asked.
    #[error("the approval's `{0}` is not what is approved here; sign it anew")]
    OtherApproval(&'static str),
    /// Evidence of this type needs no approval.
    #[error("evidence of this type needs no approval; audits and exceptions do")]
    NoApproval,
    /// The operator has no key to approve by.
    #[error(
        "no such key to approve by is in use; register one first: mcps trust approver add --key FILE"
    )]
    ApproverKeyNotFound,
    /// The operator has another key, or it is somebody else's.
    #[error(
        "you have another key to approve by, or this one is or was somebody's; revoke yours first, or make a new one"
    )]
    ApproverKeyTaken,
    /// There is no origin to check.
    #[error("the subject has no origin to check; an operator may decide instead")]
    NoOrigin,
    /// There is no open challenge for the subject and its origin.
    #[error("no challenge is open for its origin; ask for one first, it is good for 24 hours")]
    NoOriginChallenge,
    /// The origin does not show the challenge.
    #[error("{0}; put the challenge there and check again")]
    OriginNotProven(#[from] crate::levels::origin::OriginError),
    /// What was ordered cannot be told on the feed.
    #[error("what was ordered cannot be told on the feed: {0}")]
    Event(#[from] mcps_core::feed::FeedError),
    /// Another order was given under this key before.
    #[error("another order was given under this key before; a new order needs a new key")]
    OtherBody,
    /// The `Idempotency-Key` is not of its form.
    #[error("`idempotency-key` is 1 to 128 visible ASCII characters")]
    IdempotencyKey,
    /// No such action.
    #[error("no action of that id is recorded here")]
    ActionNotFound,
    /// The action cannot be taken back.
    #[error("{0}")]
    NotUndone(&'static str),
    /// A report from outside is not believed.
    #[error("the report is not believed: {0}")]
    Disbelieved(#[from] crate::hooks::authentication::Disbelieved),
    /// No source of that name, or a disabled one. Whoever has no key need not know which names there
    /// are.
    #[error(
        "the report is not believed: {}",
        crate::hooks::signature::Unsigned::Signature
    )]
    HookUnknown,
    /// A source is not set up so.
    #[error("{0}")]
    Profile(#[from] crate::hooks::ProfileError),
    /// A source cannot prove itself so.
    #[error("{0}")]
    Wish(#[from] crate::hooks::secrets::WishError),
    /// No source of that name.
    #[error("there is no source of that name; mcps hook list shows them")]
    HookNotFound,
    /// Where an endpoint is, nobody is told anything.
    #[error("the endpoint's address is not gone to: {0}")]
    Outbound(#[from] crate::outbound::OutboundError),
    /// No such endpoint.
    #[error("there is no webhook of that id; mcps webhook list shows them")]
    WebhookNotFound,
    /// Nobody fetches there by that token.
    #[error(
        "this needs `authorization: Bearer …` with the token that was shown when the webhook was added"
    )]
    ReceiverUnknown,
    /// No such incident.
    #[error("no incident of that id is in the inbox")]
    IncidentNotFound,
    /// The incident is no proposal.
    #[error("it waits for nobody's decision: it is {outcome}")]
    NotProposed {
        /// What was made of it.
        outcome: &'static str,
    },
    /// A report cannot be read as its source's mapping says.
    #[error("{0}; the source's mapping says where it should be")]
    Unread(#[from] crate::hooks::mapping::MappingError),
    /// The source may not reach the target.
    #[error("this source does not reach that target: it is of another tenant, or of no one tenant")]
    OutOfReach,
    /// `after` or `Last-Event-ID` is no position.
    #[error("a position is EPOCH:SEQ as in 1:41, from the id of an event of this feed")]
    Position,
    /// What came after the position is not kept any more.
    #[error(
        "what came after a position before event {pruned} is not kept any more; start from the snapshot"
    )]
    Pruned {
        /// The first position that is not gone.
        pruned: u64,
    },
    /// The position is of an epoch that has ended.
    #[error("epoch {asked} has ended; epoch {now} has begun, as the root states")]
    EpochEnded {
        /// Which epoch was asked for.
        asked: u64,
        /// The present one.
        now: u64,
    },
    /// An acknowledgement is not of its form.
    #[error("the acknowledgement: {0}")]
    AckForm(#[source] mcps_core::feed::FeedError),
    /// An acknowledgement is not accepted.
    #[error("the acknowledgement is not accepted: {0}")]
    Ack(#[from] crate::acks::AckError),
    /// The feed has not come as far as that.
    #[error("the feed has not come as far as that; its newest position is {newest}")]
    Ahead {
        /// The newest position.
        newest: mcps_core::feed::Cursor,
    },
    /// There is no statement on that epoch.
    #[error(
        "no statement on that epoch; the first has none, and later ones begin when a backup is restored"
    )]
    EpochNotFound,
    /// No list of that number has passports in it.
    #[error("no status list of that number has passports in it")]
    NoSuchList,
    /// A status list cannot be made.
    #[error("the status list cannot be made: {0}")]
    StatusList(#[source] mcps_core::status_list::StatusListError),
    /// As many follow the feed as this process can serve.
    #[error("as many follow the feed here as this process serves; try another replica, or later")]
    TooManyFollowers,
    /// The feed cannot be served now.
    #[error("the feed is not up to date here; try another replica, or later")]
    FeedBehind,
    /// The passport is past its time.
    #[error("the passport has expired; an operator must issue a new one")]
    Expired,
    /// The time ran out between preparing and signing.
    #[error("its time ran out before it was signed; ask again")]
    Overtaken,
    /// A key of the authority cannot be used here now.
    #[error("the {usage} key is not usable here: {why}")]
    KeyUnusable {
        /// What it signs.
        usage: &'static str,
        /// What to do, without what only the log may say.
        why: String,
    },
    /// Something else than the client's fault kept the passport from being signed.
    #[error("the passport could not be signed")]
    Signer(#[from] SignerError),
    /// What was signed did not verify, or cannot be read back.
    #[error("what was signed did not pass the check before leaving")]
    CrossCheck(#[source] Refusal),
    /// A stored passport cannot be read.
    #[error("a stored record cannot be read")]
    Stored(#[source] Refusal),
    /// What was changed cannot be recorded, so it was not changed.
    #[error("what is changed cannot be recorded, so nothing is: {0}")]
    Audit(#[from] mcps_core::audit::AuditError),
    /// Nobody was named who records what is changed.
    #[error("nobody records what is changed here, so nothing is")]
    NoScribe,
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The request took too long.
    #[error("the request took longer than 10 seconds")]
    Timeout,
}
