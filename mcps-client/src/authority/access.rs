//! Who may do what at the authority, and which tenants there are, as owners ask.

use mcps_core::json::Document;
use serde_json::{Value, json};

use super::operator::Operator;
use crate::error::ClientError;

impl Operator<'_> {
    /// Adds an operator, whose key only this answer shows.
    ///
    /// # Errors
    /// As [`super::AuthorityClient::trust`].
    pub async fn add_operator(&self, operator: &Value) -> Result<Document, ClientError> {
        self.post("/v1/operators", operator).await
    }

    /// One page of operators.
    ///
    /// # Errors
    /// As [`super::AuthorityClient::trust`].
    pub async fn operators(&self, page: &str) -> Result<Document, ClientError> {
        self.get(&format!("/v1/operators{page}")).await
    }

    /// One operator. The id must have been checked.
    ///
    /// # Errors
    /// As [`super::AuthorityClient::trust`].
    pub async fn show_operator(&self, id: &str) -> Result<Document, ClientError> {
        self.get(&format!("/v1/operators/{id}")).await
    }

    /// Disables an operator for good. The id must have been checked.
    ///
    /// # Errors
    /// As [`super::AuthorityClient::trust`].
    pub async fn disable_operator(&self, id: &str) -> Result<Document, ClientError> {
        let path = format!("/v1/operators/{id}/disable");
        self.post(&path, &json!({})).await
    }

    /// Gives an operator another key, which only this answer shows. The id must have been checked.
    ///
    /// # Errors
    /// As [`super::AuthorityClient::trust`].
    pub async fn rotate_operator(&self, id: &str) -> Result<Document, ClientError> {
        let path = format!("/v1/operators/{id}/rotate");
        self.post(&path, &json!({})).await
    }

    /// Adds a tenant.
    ///
    /// # Errors
    /// As [`super::AuthorityClient::trust`].
    pub async fn add_tenant(&self, tenant: &Value) -> Result<Document, ClientError> {
        self.post("/v1/tenants", tenant).await
    }

    /// One page of tenants.
    ///
    /// # Errors
    /// As [`super::AuthorityClient::trust`].
    pub async fn tenants(&self, page: &str) -> Result<Document, ClientError> {
        self.get(&format!("/v1/tenants{page}")).await
    }

    /// One tenant. The id must have been checked.
    ///
    /// # Errors
    /// As [`super::AuthorityClient::trust`].
    pub async fn show_tenant(&self, tenant: &str) -> Result<Document, ClientError> {
        self.get(&format!("/v1/tenants/{tenant}")).await
    }

    /// Disables a tenant, or enables it again. The id must have been checked.
    ///
    /// # Errors
    /// As [`super::AuthorityClient::trust`].
    pub async fn disable_tenant(
        &self,
        tenant: &str,
        disabled: bool,
    ) -> Result<Document, ClientError> {
        let verb = if disabled { "disable" } else { "enable" };
        let path = format!("/v1/tenants/{tenant}/{verb}");
        self.post(&path, &json!({})).await
    }
}
