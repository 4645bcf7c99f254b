//! What reports of well-known senders look like: a mapping for each, which a source's own mapping may
//! change member by member.

use mcps_core::json::Document;

use super::mapping::{Alert, Mapping, MappingError, own_form};
use super::tokens;

/// Whose reports these are.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Deserialize,
    serde::Serialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Adapter {
    /// Anybody's: our own form, or whatever the source's mapping says.
    #[default]
    Generic,
    /// Prometheus Alertmanager's webhook, version 4.
    Alertmanager,
    /// Grafana Alerting's webhook.
    Grafana,
    /// PagerDuty's webhooks, version 3.
    Pagerduty,
    /// Splunk's webhook alert action.
    Splunk,
    /// Elastic's webhook connector, with the body that docs/incidents.md has.
    Elastic,
    /// Security event tokens of the Shared Signals Framework: CAEP and RISC.
    SharedSignals,
}

impl Adapter {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Generic,
        Self::Alertmanager,
        Self::Grafana,
        Self::Pagerduty,
        Self::Splunk,
        Self::Elastic,
        Self::SharedSignals,
    ];

    /// Its name in JSON and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Alertmanager => "alertmanager",
            Self::Grafana => "grafana",
            Self::Pagerduty => "pagerduty",
            Self::Splunk => "splunk",
            Self::Elastic => "elastic",
            Self::SharedSignals => "shared-signals",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|own| own.as_str() == text)
    }

    /// Its own mapping; `None` where reports are in our own form.
    const fn own(self) -> Option<&'static str> {
        match self {
            Self::Generic => None,
            // Grafana's alerts are Alertmanager's, with more beside them.
            Self::Alertmanager | Self::Grafana => Some(include_str!("adapter/alertmanager.json")),
            Self::Pagerduty => Some(include_str!("adapter/pagerduty.json")),
            Self::Splunk => Some(include_str!("adapter/splunk.json")),
            Self::Elastic => Some(include_str!("adapter/elastic.json")),
            Self::SharedSignals => Some(include_str!("adapter/shared_signals.json")),
        }
    }

    /// How reports are read, with what a source changes of it; `None` for our own form.
    ///
    /// # Errors
    /// [`MappingError`] when it does not say what to do to whom.
    pub fn mapping(self, changes: Option<&Mapping>) -> Result<Option<Mapping>, MappingError> {
        let own = self.own().map(Mapping::parse).transpose()?;
        let mapping = match (own, changes) {
            (Some(own), Some(changes)) => own.with(changes),
            (Some(own), None) => own,
            (None, Some(changes)) => changes.clone(),
            (None, None) => return Ok(None),
        };
        mapping.whole().map(Some)
    }

    /// What a report says.
    ///
    /// # Errors
    /// [`MappingError`] when nothing of it can be read.
    pub fn read(
        self,
        report: &Document,
        changes: Option<&Mapping>,
    ) -> Result<Vec<Alert>, MappingError> {
        let Some(mapping) = self.mapping(changes)? else {
            return own_form(report);
        };
        match self {
            Self::SharedSignals => mapping.alerts(&tokens::events(report)?),
            _ => mapping.alerts(report),
        }
    }
}

#[cfg(test)]
mod tests;
