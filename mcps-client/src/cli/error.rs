//! Why a command failed, in one line that ends with what to do next, and with which exit code.

use std::io;

use mcps_client::audit::PieceError;
use mcps_client::error::ClientError;
use mcps_client::exit::{self, Exit};
use mcps_client::feed::Flaw;
use mcps_core::audit::AuditError;
use mcps_core::pin::ApprovalError;
use mcps_core::refusal::Refusal;
use mcps_core::tenant::TenantPolicyError;

/// A command that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// What the library says.
    #[error("{}", exit::explain(.0))]
    Client(#[from] ClientError),
    /// The program that knows policies is not there.
    #[error("mcps-gateway does not start: {0}; put it beside mcps, or into a folder of PATH")]
    NoGateway(std::io::Error),
    /// What was pushed is no policy of a tenant.
    #[error("it cannot be pushed: {0}; see docs/policy.md")]
    NoPolicy(#[source] TenantPolicyError),
    /// What was to be pushed does not load.
    #[error("it was not pushed, since no gateway would decide by it; correct what is said above")]
    PolicyRefused,
    /// There is no such version.
    #[error("there is no such version; list them with: mcps policy history TENANT")]
    NoSuchVersion,
    /// A text is not UTF-8.
    #[error("{0} is not UTF-8 text; give it the right file")]
    NotText(String),
    /// What is to be checked cannot be put anywhere.
    #[error("no scratch folder to check it in: {0}; name one that can be written to in TMPDIR")]
    Scratch(#[source] io::Error),
    /// A text cannot be saved.
    #[error("cannot write {path}: {source}; name an empty folder with --save DIR")]
    NotSaved {
        /// Where to.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// Neither `--home` nor a home directory of the user.
    #[error("there is no home directory to keep a key in; name one with --home DIR")]
    NoHome,
    /// A command for operators without an operator's key.
    #[error(
        "this needs an operator's key; name its file with --operator-key-file FILE or set MCPS_OPERATOR_KEY"
    )]
    NoOperatorKey,
    /// A request for a passport without anything that allows it.
    #[error(
        "this needs an enrolment token (--enrolment-token-file FILE or MCPS_ENROLMENT_TOKEN) or an operator's key; name its file with --operator-key-file FILE or set MCPS_OPERATOR_KEY"
    )]
    NoCredential,
    /// An operator issues, and has to say for whom.
    #[error("say who answers for it: --owner WHO; only an enrolment token says so instead")]
    NoOwner,
    /// What should be a key's word that it is compromised is not.
    #[error(
        "this is not a statement that mcps passport report-compromise --save has written; name the file that it wrote"
    )]
    NotAStatement,
    /// Something else was given as a secret. It is neither shown nor sent.
    #[error(
        "{source_name} does not hold {what}, which is `{prefix}` and 43 more characters; copy it again"
    )]
    NotASecret {
        /// The file or variable.
        source_name: String,
        /// What it should hold.
        what: &'static str,
        /// How that begins.
        prefix: &'static str,
    },
    /// What was to be read cannot be.
    #[error("cannot read {what}: {source}; check the path and its permissions")]
    Input {
        /// The file, or standard input.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// What was to be read is too long for what it should be.
    #[error(
        "{what} holds more than {limit} bytes, too many for what it should be; give it the right file"
    )]
    TooLong {
        /// The file, or standard input.
        what: String,
        /// How many are read.
        limit: usize,
    },
    /// The authority at a known address shows another root key.
    #[error(
        "the trust authority at {url} shows another root key than the one expected; somebody may stand in between, do not go on before its operator has told you its root key (then: --root KEYID)"
    )]
    OtherRoot {
        /// The address.
        url: String,
    },
    /// A check of what was to be verified failed.
    #[error("the {what} is refused with {}", exit::explain_refusal(.refusal))]
    Refused {
        /// The passport or the message.
        what: &'static str,
        /// The first check that failed.
        refusal: Refusal,
    },
    /// Not all who follow the feed enforce an event.
    #[error(
        "{count} of those who follow the feed do not enforce it yet; ask again, or cut off what runs there: whoever hears nothing goes stale within 30 s"
    )]
    Lagging {
        /// How many.
        count: u64,
    },
    /// A line of a recording does not fit.
    #[error("the recording does not hold: {0}; what comes before that line does")]
    Recording(Flaw),
    /// Neither an instant nor a length of time.
    #[error(
        "`{0}` is not a time; write it like 2026-11-21T12:00:00.000Z, or a length of time from now like 2h"
    )]
    NotATime(String),
    /// The audit trail is not as it was written.
    #[error(
        "{wrong} things in the audit trail are not as they were written; keep a copy of the database, and ask who had access to it"
    )]
    Trail {
        /// How many.
        wrong: u64,
    },
    /// What was given as an export is none.
    #[error("the export cannot be read: {0}; make another with: mcps audit export")]
    NoExport(PieceError),
    /// What was given as a checkpoint is none.
    #[error("the checkpoint that was kept is not one of this authority: {0}")]
    Kept(AuditError),
    /// An id that is not one.
    #[error("`{0}` is not a passport id; write asp_ and 32 lower-case hex digits")]
    NotAnId(String),
    /// A server's id that is not one.
    #[error(
        "`{0}` is not a server's id; write srv_ and 32 lower-case hex digits, as listed by: mcps server list"
    )]
    NotAServerId(String),
    /// What was tried out would be refused.
    #[error(
        "the authority would refuse it: the passport is {0} there; ask an operator for an enrolment token, then: mcps passport request"
    )]
    WouldRefuse(String),
    /// No such enrolment token.
    #[error("there is no token {0}; list them with: mcps token list")]
    NoSuchToken(String),
    /// No list of tools where one should be.
    #[error(
        "{what} holds no list of tools; give it what the server answers to tools/list, as {{\"tools\": [...]}}"
    )]
    NoTools {
        /// The file, or standard input.
        what: String,
    },
    /// The key of this home is not that of its passport.
    #[error(
        "the key of this home is not its passport's; get a passport for it with: mcps passport request"
    )]
    OtherKey,
    /// What a command needs and nothing said.
    #[error("{0}")]
    Needed(&'static str),
    /// No such server among the pins.
    #[error(
        "no tool of a server called `{0}` was seen by this home; list them with: mcps tool list"
    )]
    UnknownServer(String),
    /// Several servers are meant.
    #[error("`{0}` names more than one server; write it as listed by: mcps tool list")]
    ManyServers(String),
    /// There is nothing to approve.
    #[error("{0}; look at: mcps tool list")]
    Approval(#[from] ApprovalError),
    /// The manual cannot be written.
    #[error(transparent)]
    Manual(#[from] mcps_manual::ManualError),
    /// Something that was looked at is wrong.
    #[error("{}, see above; mend the first of them, then run it again", bad(*count))]
    Unwell {
        /// How many findings.
        count: usize,
        /// What kind the first is.
        exit: Exit,
    },
    /// Standard output does not take what we print.
    #[error("cannot write to standard output: {0}; check where it goes")]
    Output(#[source] io::Error),
}

fn bad(count: usize) -> String {
    match count {
        1 => "1 finding is bad".to_owned(),
        count => format!("{count} findings are bad"),
    }
}

impl CliError {
    /// The one place that maps failures to exit codes, beside [`Exit::of`] for the library's.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Client(error) => Exit::of(error),
            Self::Refused { refusal, .. } => Exit::of_refusal(refusal),
            Self::Lagging { .. } => Exit::Stale,
            Self::Unwell { exit, .. } => *exit,
            Self::OtherRoot { .. }
            | Self::Recording(_)
            | Self::Trail { .. }
            | Self::NoExport(_)
            | Self::PolicyRefused
            | Self::Kept(_) => Exit::Refused,
            Self::NoGateway(_)
            | Self::NoPolicy(_)
            | Self::NotText(_)
            | Self::NoHome
            | Self::NoOperatorKey
            | Self::NoCredential
            | Self::NoOwner
            | Self::NotAStatement
            | Self::NotASecret { .. }
            | Self::NotAnId(_)
            | Self::NotAServerId(_)
            | Self::NoTools { .. }
            | Self::OtherKey
            | Self::Needed(_)
            | Self::NotATime(_)
            | Self::ManyServers(_) => Exit::Usage,
            Self::Input { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Exit::NotFound
            }
            Self::UnknownServer(_)
            | Self::NoSuchVersion
            | Self::NoSuchToken(_)
            | Self::Approval(ApprovalError::Unknown) => Exit::NotFound,
            Self::WouldRefuse(_) => Exit::Denied,
            Self::Approval(ApprovalError::ChangedAgain) => Exit::Refused,
            Self::Approval(ApprovalError::NotQuarantined)
            | Self::Input { .. }
            | Self::TooLong { .. }
            | Self::Scratch(_)
            | Self::Manual(_)
            | Self::NotSaved { .. }
            | Self::Output(_) => Exit::Other,
        }
    }
}
