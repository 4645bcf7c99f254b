//! What is made of alerts: the inbox, and what of it is carried out.
//!
//! An alert is judged by its source's ceiling, tenant and radius, and written down before anything is
//! done. What may be done is done at once, by an order like an operator's; what goes beyond the source's
//! radius is a proposal, which an operator carries out or dismisses. An alert that is over takes back
//! what sources did for it, unless another alert or an operator holds the same target back.

mod judging;
mod taking;

pub(crate) use taking::{aim, carry_out};
pub use taking::{read_and_take, take};

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use serde_json::{Value, json};

use crate::webhooks::Message;

/// What was made of an alert.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Made {
    /// Written down; its order is about to be given. A delivery of the same alert finishes it.
    Pending,
    /// Carried out.
    Done,
    /// It was so already.
    Unchanged,
    /// Written down only: it asked for no more, or its source may do no more.
    Observed,
    /// Nobody of that name or id is known.
    NoMatch,
    /// An operator has to decide.
    Proposed,
    /// An operator decided against it.
    Dismissed,
    /// Its source does not reach the target.
    Refused,
    /// It cannot be read as its source's mapping says.
    Unread,
}

impl Made {
    const ALL: [Self; 9] = [
        Self::Pending,
        Self::Done,
        Self::Unchanged,
        Self::Observed,
        Self::NoMatch,
        Self::Proposed,
        Self::Dismissed,
        Self::Refused,
        Self::Unread,
    ];

    /// Its name in JSON and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Done => "done",
            Self::Unchanged => "unchanged",
            Self::Observed => "observed",
            Self::NoMatch => "no_match",
            Self::Proposed => "proposed",
            Self::Dismissed => "dismissed",
            Self::Refused => "refused",
            Self::Unread => "unread",
        }
    }

    /// Reads the name. One that this version does not know waits for an operator.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let own = Self::ALL.into_iter().find(|own| own.as_str() == text);
        own.unwrap_or(Self::Proposed)
    }

    /// Whether the target is held back by it, or is about to be.
    #[must_use]
    pub const fn holds(self) -> bool {
        matches!(self, Self::Pending | Self::Done | Self::Unchanged)
    }
}

/// One alert and what was made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// `inc_` and 32 hex digits.
    pub id: String,
    /// Who reported it.
    pub source: String,
    /// The same for every delivery of it in one state.
    pub event_id: String,
    /// The same for all its states.
    pub alert_key: String,
    /// SHA-256 of what must be the same in every delivery.
    pub body: Digest,
    /// When it came.
    pub at: Timestamp,
    /// Whose it is.
    pub tenant: Option<String>,
    /// What was asked for: one of the ceilings, or `resolve`; empty when it cannot be read.
    pub asked: String,
    /// What is to be done: `suspend`, `revoke`, `reinstate`, or `observe`.
    pub action: String,
    /// The target's JSON; empty when it cannot be read.
    pub target: String,
    /// Why, as an order has it.
    pub reason: String,
    /// In the reporter's words.
    pub note: Option<String>,
    /// How long a suspension lasts, in milliseconds.
    pub suspend_ms: Option<i64>,
    /// How many subjects it reaches.
    pub reach: i64,
    /// What was made of it.
    pub made: Made,
    /// Why that, in words; empty where nothing is to be said.
    pub why: String,
    /// The order that was given.
    pub order_id: Option<String>,
    /// The position of its event, `EPOCH:SEQ`.
    pub position: Option<String>,
    /// The operator who decided.
    pub decided_by: Option<String>,
    /// When.
    pub decided_at: Option<Timestamp>,
    /// When its source or an operator said that it is over.
    pub ended_at: Option<Timestamp>,
}

impl Incident {
    /// What is told of it.
    pub(crate) fn message(&self) -> Message {
        let target: Value = serde_json::from_str(&self.target).unwrap_or_default();
        let data = json!({
            "incident_id": self.id, "source": self.source, "asked": self.asked,
            "action": self.action, "target": target, "outcome": self.made, "why": self.why,
            "note": self.note, "reach": self.reach,
        });
        let kind = format!("incident.{}", self.made.as_str());
        let tenant = self.tenant.clone();
        Message::new(self.id.clone(), &kind, tenant, self.at, &data.to_string())
    }
}
