//! Incidents, as operators see them: who may report them, what was made of them, and who is told.

use mcps_core::json::Document;
use reqwest::Method;
use serde_json::{Value, json};

use super::Operator;
use crate::error::ClientError;

impl Operator<'_> {
    /// Who may report incidents.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`](super::AuthorityClient::trust).
    pub async fn sources(&self) -> Result<Document, ClientError> {
        self.get("/v1/sources").await
    }

    /// One source. The name must have been checked.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`](super::AuthorityClient::trust).
    pub async fn source(&self, name: &str) -> Result<Document, ClientError> {
        self.get(&format!("/v1/sources/{name}")).await
    }

    /// Adds a source, or changes the one of that name. The name must have been checked.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`](super::AuthorityClient::trust).
    pub async fn set_source(&self, name: &str, source: &Value) -> Result<Document, ClientError> {
        let (path, body) = (format!("/v1/sources/{name}"), Some(source.to_string()));
        self.send(Method::PUT, &path, body).await
    }

    /// Has nothing of a source believed any more, or has it believed again. The name must have been
    /// checked.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`](super::AuthorityClient::trust).
    pub async fn disable_source(
        &self,
        name: &str,
        disabled: bool,
    ) -> Result<Document, ClientError> {
        let verb = if disabled { "disable" } else { "enable" };
        let path = format!("/v1/sources/{name}/{verb}");
        self.post(&path, &json!({})).await
    }

    /// What would be made of a report of a source. The name must have been checked.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`](super::AuthorityClient::trust).
    pub async fn test_source(&self, name: &str, report: String) -> Result<Document, ClientError> {
        let path = format!("/v1/sources/{name}/test");
        self.send(Method::POST, &path, Some(report)).await
    }

    /// One page of the inbox, newest first; `filter` is `&name=value` for each that is asked for.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`](super::AuthorityClient::trust).
    pub async fn incidents(&self, page: &str, filter: &str) -> Result<Document, ClientError> {
        self.get(&format!("/v1/inbox{page}{filter}")).await
    }

    /// One incident. The id must have been checked.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`](super::AuthorityClient::trust).
    pub async fn incident(&self, id: &str) -> Result<Document, ClientError> {
        self.get(&format!("/v1/inbox/{id}")).await
    }

    /// Carries a proposal out, or dismisses it. The id must have been checked.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`](super::AuthorityClient::trust).
    pub async fn decide(
        &self,
        id: &str,
        approve: bool,
        note: Option<&str>,
    ) -> Result<Document, ClientError> {
        let verb = if approve { "approve" } else { "dismiss" };
        let body = match note {
            Some(note) => json!({"note": note}),
            None => json!({}),
        };
        self.post(&format!("/v1/inbox/{id}/{verb}"), &body).await
    }

    /// Takes back what was done for an incident, or asks what would come of it. The id must have been
    /// checked.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`](super::AuthorityClient::trust).
    pub async fn undo_incident(&self, id: &str, dry_run: bool) -> Result<Document, ClientError> {
        let query = if dry_run { "?dry_run=true" } else { "" };
        let path = format!("/v1/inbox/{id}/undo{query}");
        self.post(&path, &json!({})).await
    }

    /// Who is told of events.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`](super::AuthorityClient::trust).
    pub async fn webhooks(&self) -> Result<Document, ClientError> {
        self.get("/v1/webhooks").await
    }

    /// One endpoint and its newest deliveries. The id must have been checked.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`](super::AuthorityClient::trust).
    pub async fn webhook(&self, id: &str) -> Result<Document, ClientError> {
        self.get(&format!("/v1/webhooks/{id}")).await
    }

    /// Has an endpoint told.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`](super::AuthorityClient::trust).
    pub async fn add_webhook(&self, endpoint: &Value) -> Result<Document, ClientError> {
        self.post("/v1/webhooks", endpoint).await
    }

    /// Has an endpoint told nothing any more. The id must have been checked.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`](super::AuthorityClient::trust).
    pub async fn remove_webhook(&self, id: &str) -> Result<Document, ClientError> {
        let path = format!("/v1/webhooks/{id}");
        self.send(Method::DELETE, &path, None).await
    }

    /// Sends an endpoint a test. The id must have been checked.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`](super::AuthorityClient::trust).
    pub async fn test_webhook(&self, id: &str) -> Result<Document, ClientError> {
        let path = format!("/v1/webhooks/{id}/test");
        self.post(&path, &json!({})).await
    }

    /// Has dead letters of an endpoint delivered after all, one or all. The id must have been checked.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`](super::AuthorityClient::trust).
    pub async fn replay(&self, id: &str, message: Option<&str>) -> Result<Document, ClientError> {
        let body = match message {
            Some(message) => json!({"message_id": message}),
            None => json!({}),
        };
        self.post(&format!("/v1/webhooks/{id}/replay"), &body).await
    }

    /// What could not be delivered, newest first.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`](super::AuthorityClient::trust).
    pub async fn dead_letters(&self) -> Result<Document, ClientError> {
        self.get("/v1/dead-letters").await
    }
}
