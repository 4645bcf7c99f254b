//! What operators ask of the authority. Answers are given as their JSON, to be printed.

use mcps_core::json::Document;
use reqwest::Method;

use super::AuthorityClient;
use crate::error::ClientError;

/// An operator and the operator's key.
#[derive(Clone, Copy)]
pub struct Operator<'a> {
    authority: &'a AuthorityClient,
    key: &'a str,
    dry_run: bool,
}

impl AuthorityClient {
    /// What an operator may ask, who has that key.
    #[must_use]
    pub const fn operator<'a>(&'a self, key: &'a str) -> Operator<'a> {
        Operator {
            authority: self,
            key,
            dry_run: false,
        }
    }
}

impl Operator<'_> {
    /// The same, for a dry run where that is asked for: whatever would change something only says what would
    /// come of it.
    #[must_use]
    pub const fn rehearsing(self, dry_run: bool) -> Self {
        Self { dry_run, ..self }
    }

    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Document, ClientError> {
        let path = format!("{path}{}", query(self.dry_run && method != Method::GET));
        self.authority
            .call(method, &path, Some(self.key), body)
            .await
    }

    pub(super) async fn get(&self, path: &str) -> Result<Document, ClientError> {
        self.send(Method::GET, path, None).await
    }

    pub(super) async fn post(
        &self,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<Document, ClientError> {
        self.post_text(path, body.to_string()).await
    }

    /// A body that is signed goes out byte for byte.
    pub(super) async fn post_text(
        &self,
        path: &str,
        body: String,
    ) -> Result<Document, ClientError> {
        self.send(Method::POST, path, Some(body)).await
    }

    /// Makes an enrolment token, which only this answer shows.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn create_token(&self, grant: &serde_json::Value) -> Result<Document, ClientError> {
        self.post("/v1/enrolment-tokens", grant).await
    }

    /// One page of passports, newest first: of `all`, or only `live`, `expired` or `revoked` ones.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn passports(&self, status: &str, page: &str) -> Result<Document, ClientError> {
        self.get(&format!("/v1/passports{page}&status={status}"))
            .await
    }

    /// One page of enrolment tokens, newest first.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn tokens(&self, page: &str) -> Result<Document, ClientError> {
        self.get(&format!("/v1/enrolment-tokens{page}")).await
    }

    /// Withdraws an enrolment token. The id must have been checked.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn withdraw_token(&self, id: &str) -> Result<Document, ClientError> {
        let path = format!("/v1/enrolment-tokens/{id}/withdraw");
        self.post(&path, &serde_json::json!({})).await
    }

    /// Gives an order, or asks what would come of it.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn order(
        &self,
        path: &str,
        order: &serde_json::Value,
        dry_run: bool,
    ) -> Result<Document, ClientError> {
        self.post(&format!("{path}{}", query(dry_run)), order).await
    }

    /// One page of orders, newest first; those of which one outcome came, if it is named.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn actions(
        &self,
        outcome: Option<&str>,
        page: &str,
    ) -> Result<Document, ClientError> {
        let outcome = outcome.map_or(String::new(), |outcome| format!("&outcome={outcome}"));
        self.get(&format!("/v1/actions{page}{outcome}")).await
    }

    /// Takes back what an order did, or asks what would come of it. The id must have been checked.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn undo(&self, id: &str, dry_run: bool) -> Result<Document, ClientError> {
        let path = format!("/v1/actions/{id}/undo{}", query(dry_run));
        self.post(&path, &serde_json::json!({})).await
    }
}

const fn query(dry_run: bool) -> &'static str {
    if dry_run { "?dry_run=true" } else { "" }
}
