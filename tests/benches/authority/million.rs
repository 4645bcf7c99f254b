//! With a million passports: what somebody new needs, and what revoking costs. They are put into the
//! database behind the authority's back, which says so when it examines everything.

use std::time::{Duration, Instant};

use mcps_core::passport::Passport;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::followers::Followers;
use crate::ground::Ground;
use crate::{subjects, table};

const MANY: u64 = 1_000_000;
/// Passports that are revoked one by one.
const REVOKED: usize = 500;

/// Rows as that one, so many of them.
async fn multiply(connection: &mut PgConnection, one: &Passport) {
    let copy = format!(
        "INSERT INTO passports (passport_id, tenant, kind, name, version, owner, origin, kid, trust_level, \
         issued_at, expires_at, to_be_signed, issuer_kid, signature, renews, issued_by, status_index) \
         SELECT 'asp_' || md5(n::text), tenant, kind, 'many-' || n, version, owner, origin, kid, trust_level, \
         issued_at, expires_at, to_be_signed, issuer_kid, signature, NULL, issued_by, 10000 + n \
         FROM passports, generate_series(1, {MANY}) AS n WHERE passport_id = '{}'",
        one.id()
    );
    connection.execute(AssertSqlSafe(copy)).await.unwrap();
    settle(connection).await;
}

/// Revokes one in so many of them.
async fn revoke(connection: &mut PgConnection, one_in: u64) {
    let revoke = format!(
        "UPDATE passports SET revoked_at = issued_at, reason = 'policy', revoked_by = 'bench' \
         WHERE name LIKE 'many-%' AND status_index % {one_in} = 0"
    );
    connection.execute(AssertSqlSafe(revoke)).await.unwrap();
    settle(connection).await;
}

/// What PostgreSQL does by itself in time.
async fn settle(connection: &mut PgConnection) {
    connection
        .execute("VACUUM ANALYZE passports")
        .await
        .unwrap();
    connection.execute("CHECKPOINT").await.unwrap();
}

/// How long each takes to be revoked.
async fn times(ground: &Ground, passports: &[Passport]) -> Vec<Duration> {
    let mut times = Vec::new();
    for passport in passports {
        let id = passport.id().to_string();
        let body = json!({"target": {"kind": "passport", "id": id}, "reason": "policy"});
        let began = Instant::now();
        ground.post("/v1/revocations", &body).await;
        times.push(began.elapsed());
    }
    times
}

/// What a follower needs that knows nothing yet: sizes, and how long until it is live.
async fn cold(ground: &Ground, what: &str) {
    let list = ground.get("/v1/status-lists/0").await.len();
    let snapshot = ground.get("/v1/feed/snapshot").await.len();
    let began = Instant::now();
    let one = Followers::connect(ground, 1).await;
    let live = began.elapsed().as_secs_f64();
    println!(
        "\n{what}: its status list has {list} bytes, the snapshot of the feed {snapshot} bytes; \
         from nothing to live in {live:.3} s"
    );
    one.leave().await;
}

pub(crate) async fn measure() {
    let ground = Ground::new(false).await;
    println!("\n### A million passports");
    let mut connection = PgConnection::connect(&ground.database).await.unwrap();
    let passports = subjects::enrolled(&ground, 2 * REVOKED + 1, "agent").await;
    let (none, many) = passports[1..].split_at(REVOKED);
    let none = times(&ground, none).await;
    multiply(&mut connection, &passports[0]).await;
    revoke(&mut connection, 100).await;
    cold(&ground, "one in a hundred revoked").await;
    revoke(&mut connection, 1).await;
    let many = times(&ground, many).await;
    table::head("revoking one passport, ms");
    let none = table::line("none revoked before", none);
    let many = table::line("a million revoked before", many);
    let ratio = |share| table::quantile(&many, share) / table::quantile(&none, share);
    println!(
        "\nratio: {:.2} at p50, {:.2} at p99",
        ratio(0.5),
        ratio(0.99)
    );
    println!("authority: {} MiB", ground.resident_mib());
}
