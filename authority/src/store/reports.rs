//! Reports as they came, by their digest, within what a tenant may take up.

use mcps_core::digest::Digest;

use super::{Db, on};

/// Most bytes of reports that are kept for one tenant.
pub(super) const ROOM: i64 = 256 << 20;

/// Keeps a report inside a transaction, until `$until` at least. Where there is no room left, what has
/// lapsed makes some.
///
/// # Errors
/// [`crate::report::ReportError::Full`].
macro_rules! keep {
    ($tx:ident, $tenant:expr, $digest:expr, $body:expr, $until:expr, $at:expr) => {{
        let (tenant, digest, body): (&str, &str, &str) = ($tenant, $digest, $body);
        // The row is the lock under which the bytes are counted.
        sqlx::query(
            "INSERT INTO report_space (tenant, bytes) VALUES ($1, 0) \
             ON CONFLICT (tenant) DO UPDATE SET bytes = report_space.bytes",
        )
        .bind(tenant)
        .execute(&mut *$tx)
        .await?;
        let known = sqlx::query(
            "UPDATE reports SET keep_until = CASE WHEN keep_until < $3 THEN $3 ELSE keep_until END \
             WHERE tenant = $1 AND digest = $2",
        )
        .bind(tenant)
        .bind(digest)
        .bind($until.as_millis())
        .execute(&mut *$tx)
        .await?
        .rows_affected();
        if known == 0 {
            let size = i64::try_from(body.len()).unwrap_or(i64::MAX);
            let takes = "UPDATE report_space SET bytes = bytes + $2 \
                         WHERE tenant = $1 AND bytes + $2 <= $3";
            let mut taken = sqlx::query(takes)
                .bind(tenant)
                .bind(size)
                .bind($crate::store::reports::ROOM)
                .execute(&mut *$tx)
                .await?
                .rows_affected();
            if taken == 0 {
                sqlx::query("DELETE FROM reports WHERE tenant = $1 AND keep_until <= $2")
                    .bind(tenant)
                    .bind($at.as_millis())
                    .execute(&mut *$tx)
                    .await?;
                sqlx::query(
                    "UPDATE report_space SET bytes = (SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) \
                     FROM reports WHERE reports.tenant = $1) WHERE tenant = $1",
                )
                .bind(tenant)
                .execute(&mut *$tx)
                .await?;
                taken = sqlx::query(takes)
                    .bind(tenant)
                    .bind(size)
                    .bind($crate::store::reports::ROOM)
                    .execute(&mut *$tx)
                    .await?
                    .rows_affected();
            }
            if taken == 0 {
                return Err($crate::report::ReportError::Full($crate::store::reports::ROOM).into());
            }
            sqlx::query(
                "INSERT INTO reports (tenant, digest, body, size, keep_until, added_at) \
                 VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(tenant)
            .bind(digest)
            .bind(body)
            .bind(size)
            .bind($until.as_millis())
            .bind($at.as_millis())
            .execute(&mut *$tx)
            .await?;
        }
    }};
}

pub(super) use keep;

impl Db {
    /// A report as it came, while it is kept.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn report(
        &self,
        tenant: &str,
        digest: &Digest,
    ) -> Result<Option<String>, sqlx::Error> {
        let row: Option<(String,)> = on!(self, pool => {
            sqlx::query_as("SELECT body FROM reports WHERE tenant = $1 AND digest = $2")
                .bind(tenant)
                .bind(digest.to_string())
                .fetch_optional(pool)
                .await?
        });
        Ok(row.map(|(body,)| body))
    }
}
