//! `mcps trust approve`.

use std::time::Duration;

use clap::Args;
use mcps_client::error::ClientError;
use mcps_client::options::duration;
use mcps_core::approval::Approval;
use mcps_core::clock::Timestamp;
use mcps_core::level::TrustLevel;

use super::super::output::{self, OutputOptions, items, print_json, text_at};
use super::super::server::Asking;
use super::super::{CliError, Machine};
use super::signing::Signing;
use super::{describe, evidence_id};

/// What `mcps trust approve` can be told.
#[derive(Args, Debug)]
#[command(after_help = "\
An audit counts once two operators approve it who did not submit it, an exception once one does, each by a
key of their own: mcps trust approver add")]
pub(crate) struct Approve {
    /// Id of the evidence, `ev_…`.
    evidence: String,
    /// How long the approval holds, as in 12h or 30d [default: as long as the evidence does].
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    time: Option<Duration>,
    #[command(flatten)]
    signing: Signing,
    /// Only show what would be agreed with.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

impl Approve {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let id = evidence_id(&self.evidence)?;
        let (authority, operator) = self.asking.open(machine)?;
        let operator = authority.operator(&operator);
        let evidence = operator.evidence(id).await?;
        let member = |name| text_at(evidence.root(), &[name]);
        let level = match (member("type").as_str(), member("waives").as_str()) {
            ("audit", _) => TrustLevel::L4,
            ("exception", "manifest_scanned") => TrustLevel::L3,
            ("exception", "identity_verified") => TrustLevel::L2,
            _ => {
                return Err(CliError::Needed(
                    "evidence of this type needs no approval; audits and exceptions do",
                ));
            }
        };
        if self.dry_run {
            if self.output.is_json() {
                return print_json(evidence.text());
            }
            let mut rows = vec![("would approve", id.to_owned())];
            rows.extend(describe(evidence.root()).into_iter().skip(1));
            rows.push(("next", "the same without --dry-run".to_owned()));
            return output::print(&output::members(&rows));
        }
        let key = self.signing.open(machine)?;
        let own = operator.approver_keys().await?;
        let own = |name| text_at(own.root(), &[name]);
        let ends = Timestamp::parse_rfc3339(&member("valid_until"));
        let asked = self.time.map(|time| machine.clock.now().plus(time));
        let ends = ends.into_iter().chain(asked).min();
        let approval = Approval {
            authority: own("authority"),
            approver: own("approver"),
            evidence_id: id.to_owned(),
            level,
            valid_until: ends.unwrap_or_else(|| machine.clock.now()),
        };
        let signed = approval.sign(&key).map_err(ClientError::Refused)?;
        let approved = operator.approve_evidence(id, signed).await?;
        if self.output.is_json() {
            return print_json(approved.text());
        }
        let mut rows = describe(approved.root());
        let who = items(approved.root(), "approvals").map(|one| text_at(one, &["who"]));
        rows.push(("approved by", who.collect::<Vec<_>>().join(", ")));
        output::print(&output::members(&rows))
    }
}
