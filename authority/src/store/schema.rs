//! The tables: their migrations, one text for both engines.

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// The migrations, in order; the same files for both engines.
const MIGRATIONS: [(i64, &str, &str); 18] = [
    (
        1,
        "passports",
        include_str!("../../../migrations/0001_passports.sql"),
    ),
    (2, "feed", include_str!("../../../migrations/0002_feed.sql")),
    (3, "keys", include_str!("../../../migrations/0003_keys.sql")),
    (
        4,
        "actions",
        include_str!("../../../migrations/0004_actions.sql"),
    ),
    (
        5,
        "audit",
        include_str!("../../../migrations/0005_audit.sql"),
    ),
    (
        6,
        "registry",
        include_str!("../../../migrations/0006_registry.sql"),
    ),
    (
        7,
        "enrolment",
        include_str!("../../../migrations/0007_enrolment.sql"),
    ),
    (
        8,
        "levels",
        include_str!("../../../migrations/0008_levels.sql"),
    ),
    (
        10,
        "acks",
        include_str!("../../../migrations/0010_acks.sql"),
    ),
    (
        11,
        "status lists",
        include_str!("../../../migrations/0011_status_lists.sql"),
    ),
    (
        12,
        "tenants",
        include_str!("../../../migrations/0012_tenants.sql"),
    ),
    (
        13,
        "verdicts",
        include_str!("../../../migrations/0013_verdicts.sql"),
    ),
    (
        14,
        "reports",
        include_str!("../../../migrations/0014_reports.sql"),
    ),
    (
        15,
        "approvals",
        include_str!("../../../migrations/0015_approvals.sql"),
    ),
    (
        17,
        "incidents",
        include_str!("../../../migrations/0017_incidents.sql"),
    ),
    (
        18,
        "webhooks",
        include_str!("../../../migrations/0018_webhooks.sql"),
    ),
    (
        20,
        "access",
        include_str!("../../../migrations/0020_access.sql"),
    ),
    (
        21,
        "signals",
        include_str!("../../../migrations/0021_signals.sql"),
    ),
];

/// The number of the newest migration that this version knows.
#[must_use]
pub fn newest_schema() -> i64 {
    MIGRATIONS.last().map_or(0, |(version, _, _)| *version)
}

/// The migrations up to the one of that number.
pub(super) fn up_to(newest: i64) -> Migrator {
    let migrations = MIGRATIONS.into_iter().filter(|(own, _, _)| *own <= newest);
    let migrations = migrations.map(|(version, name, sql)| {
        Migration::new(
            version,
            name.into(),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    });
    Migrator::with_migrations(migrations.collect())
}
