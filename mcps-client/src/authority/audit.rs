//! The authority's audit trail over HTTP, for operators.

use mcps_core::audit::LANES;
use mcps_core::digest::Digest;
use mcps_core::json::{Document, Value};
use reqwest::Method;

use super::AuthorityClient;
use crate::audit::Piece;
use crate::error::ClientError;

impl AuthorityClient {
    /// Fetches the whole trail, piece by piece in the order of an examination, without the key set.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`], and what `take` says.
    pub async fn audit<E: From<ClientError>>(
        &self,
        operator: &str,
        mut take: impl FnMut(Piece) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut after = 0;
        loop {
            let path = format!("/v1/audit/checkpoints?after={after}");
            let document = self.read(operator, &path).await?;
            let rows = self.list(&document, "checkpoints")?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                let number = self.number(row, "number")?;
                let text = self.text(row, "checkpoint")?;
                self.forward(&mut after, number)?;
                take(Piece::Checkpoint { number, text })?;
            }
        }
        for lane in 0..LANES {
            let mut after = 0;
            loop {
                let path = format!("/v1/audit/lanes/{lane}?after={after}");
                let document = self.read(operator, &path).await?;
                let rows = self.list(&document, "rows")?;
                if rows.is_empty() {
                    if let Some(head) = document.root().get("head").filter(|head| !head.is_null()) {
                        let seq = self.number(head, "seq")?;
                        let digest = Digest::from_hex(&self.text(head, "digest")?);
                        let digest = digest.ok_or_else(|| self.unexpected("no `digest`"))?;
                        take(Piece::Head { lane, seq, digest })?;
                    }
                    break;
                }
                for row in rows {
                    let seq = self.number(row, "seq")?;
                    let text = self.text(row, "record")?;
                    self.forward(&mut after, seq)?;
                    take(Piece::Row { lane, seq, text })?;
                }
            }
        }
        Ok(())
    }

    /// The newest records, newest first, as they lie there; those about one subject if one is named.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn audit_records(
        &self,
        operator: &str,
        subject: Option<&str>,
        limit: u16,
    ) -> Result<Vec<String>, ClientError> {
        let mut query = vec![("limit", limit.to_string())];
        query.extend(subject.map(|subject| ("subject", subject.to_owned())));
        let mut url = reqwest::Url::parse(&format!("{}/v1/audit/records", self.url))
            .map_err(|_| ClientError::Address(self.url.clone()))?;
        url.query_pairs_mut().extend_pairs(query);
        let path = format!("/v1/audit/records?{}", url.query().unwrap_or_default());
        let document = self.read(operator, &path).await?;
        let rows = self.list(&document, "rows")?.into_iter();
        rows.map(|row| self.text(row, "record")).collect()
    }

    async fn read(&self, operator: &str, path: &str) -> Result<Document, ClientError> {
        self.call(Method::GET, path, Some(operator), None).await
    }

    fn list<'d>(&self, document: &'d Document, name: &str) -> Result<Vec<Value<'d>>, ClientError> {
        let list = document.root().get(name).and_then(Value::as_array);
        let list = list.ok_or_else(|| self.unexpected(format!("no `{name}`")))?;
        Ok(list.into_iter().collect())
    }

    fn number(&self, value: Value<'_>, name: &str) -> Result<u64, ClientError> {
        let number = value.get(name).and_then(Value::as_i64);
        let number = number.and_then(|number| u64::try_from(number).ok());
        number.ok_or_else(|| self.unexpected(format!("no `{name}`")))
    }

    fn text(&self, value: Value<'_>, name: &str) -> Result<String, ClientError> {
        let text = value.get(name).and_then(Value::as_str);
        let text = text.ok_or_else(|| self.unexpected(format!("no `{name}`")))?;
        Ok(text.into_owned())
    }

    /// Whoever answers the same page again must not keep us for ever.
    fn forward(&self, after: &mut u64, number: u64) -> Result<(), ClientError> {
        if number <= *after {
            return Err(self.unexpected("rows that do not go on"));
        }
        *after = number;
        Ok(())
    }
}
