//! How far the feed is enforced, as the authority counts it for operators.

use mcps_core::feed::Cursor;
use mcps_core::json::Document;
use reqwest::Method;

use super::AuthorityClient;
use crate::error::ClientError;

impl AuthorityClient {
    /// How far that position is enforced, or the newest one: the answer.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn enforcement(
        &self,
        operator: &str,
        position: Option<Cursor>,
    ) -> Result<Document, ClientError> {
        let query = position.map_or(String::new(), |at| format!("?position={at}"));
        let path = format!("/v1/feed/enforcement{query}");
        self.call(Method::GET, &path, Some(operator), None).await
    }
}
