//! Which calls are asked for.

use std::time::Duration;

use clap::Args;
use mcps_client::options::duration;
use mcps_core::clock::Timestamp;
use mcps_core::code::Code;
use mcps_core::digest::Digest;

use super::row::{OUTCOMES, Row, agent};
use crate::segment::Record;

/// Which calls; all that is given must hold.
#[derive(Clone, Debug, Default, Args)]
pub struct Filter {
    /// By whom: the name in the passport.
    #[arg(long, value_name = "NAME")]
    pub agent: Option<String>,
    /// Of which tenant.
    #[arg(long, value_name = "NAME")]
    pub tenant: Option<String>,
    /// Which tool, prompt or resource, as its server calls it.
    #[arg(long, value_name = "NAME")]
    pub tool: Option<String>,
    /// Of which server.
    #[arg(long, value_name = "NAME")]
    pub server: Option<String>,
    /// In which session: as records name it, or the beginning of that, or as the agent names it.
    #[arg(long, value_name = "SESSION")]
    pub session: Option<String>,
    /// The one decision: the id that whoever called was told.
    #[arg(long, value_name = "ID")]
    pub decision: Option<String>,
    /// By which rule.
    #[arg(long, value_name = "RULE")]
    pub rule: Option<String>,
    /// What came of it.
    #[arg(long, value_name = "OUTCOME", value_parser = OUTCOMES)]
    pub outcome: Option<String>,
    /// The code that the caller was told, as in MCPS-022.
    #[arg(long, value_name = "CODE", value_parser = code)]
    pub code: Option<String>,
    /// From when on: as in 2026-11-22T08:00:00Z, or 30m, 12h, 7d ago.
    #[arg(long, value_name = "TIME", value_parser = when)]
    pub since: Option<When>,
    /// Until when, alike.
    #[arg(long, value_name = "TIME", value_parser = when)]
    pub until: Option<When>,
    /// The last so many.
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    pub limit: usize,
}

/// A point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// This one.
    At(Timestamp),
    /// So long ago.
    Ago(Duration),
}

impl When {
    pub(super) fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(ago) => now.minus(ago),
        }
    }
}

fn when(text: &str) -> Result<When, String> {
    if let Some(at) = Timestamp::parse_rfc3339(text) {
        return Ok(When::At(at));
    }
    let ago = duration(text).map(When::Ago);
    ago.map_err(|_| {
        format!("`{text}` is no time; write 2026-11-22T08:00:00Z, or 30m, 12h, 7d for so long ago")
    })
}

fn code(text: &str) -> Result<String, String> {
    let known = Code::from_id(text).map(|code| code.id().to_owned());
    known.ok_or_else(|| format!("there is no code {text}; see `mcps codes`"))
}

impl Filter {
    /// Whether a decision may be one of those.
    pub(super) fn takes(&self, decision: &Record, now: Timestamp) -> bool {
        let same =
            |asked: &Option<String>, is: &str| asked.as_ref().is_none_or(|asked| asked == is);
        let session = decision.text("session");
        let of_session = self.session.as_deref().is_none_or(|asked| {
            let named = Digest::of(asked.as_bytes()).to_string();
            !session.is_empty() && (session.starts_with(asked) || session == named)
        });
        let at = decision.at();
        let since = self.since.map(|since| since.resolve(now));
        let until = self.until.map(|until| until.resolve(now));
        same(&self.agent, agent(decision))
            && same(&self.tenant, decision.text("tenant"))
            && same(&self.tool, decision.text("name"))
            && same(&self.server, decision.text("server"))
            && same(&self.decision, decision.text("decision_id"))
            && same(&self.rule, decision.text("rule"))
            && of_session
            && since.is_none_or(|since| at.is_some_and(|at| at >= since))
            && until.is_none_or(|until| at.is_some_and(|at| at <= until))
    }

    /// Whether what came of it is what is asked for.
    pub(super) fn takes_row(&self, row: &Row) -> bool {
        let outcome = self.outcome.as_deref();
        let code = self.code.as_deref();
        outcome.is_none_or(|asked| asked == row.came_of_it())
            && code.is_none_or(|asked| asked == row.code())
    }
}

#[cfg(test)]
mod tests;
