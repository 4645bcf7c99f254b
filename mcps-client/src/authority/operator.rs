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
}

impl AuthorityClient {
    /// What an operator may ask, who has that key.
    #[must_use]
    pub const fn operator<'a>(&'a self, key: &'a str) -> Operator<'a> {
        Operator {
            authority: self,
            key,
        }
    }
}

impl Operator<'_> {
    async fn get(&self, path: &str) -> Result<Document, ClientError> {
        let key = Some(self.key);
        self.authority.call(Method::GET, path, key, None).await
    }

    async fn post(&self, path: &str, body: &serde_json::Value) -> Result<Document, ClientError> {
        let (key, body) = (Some(self.key), Some(body.to_string()));
        self.authority.call(Method::POST, path, key, body).await
    }

    /// Makes an enrolment token, which only this answer shows.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn create_token(&self, grant: &serde_json::Value) -> Result<Document, ClientError> {
        self.post("/v1/enrolment-tokens", grant).await
    }

    /// The newest enrolment tokens, newest first.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn tokens(&self, limit: u8) -> Result<Document, ClientError> {
        self.get(&format!("/v1/enrolment-tokens?limit={limit}"))
            .await
    }

    /// Withdraws an enrolment token. The id must have been checked.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn withdraw_token(&self, id: &str) -> Result<Document, ClientError> {
        let path = format!("/v1/enrolment-tokens/{id}/withdraw");
        self.post(&path, &serde_json::json!({})).await
    }
}
