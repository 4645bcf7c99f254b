//! How much may be asked of it, by whom.

use clap::Args;
use mcps_authority::Config;
use mcps_authority::budget::Quota;

/// How much each caller may ask, of each kind.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Quotas {
    /// How much each caller may issue, or ask to have issued: REQUESTS/SECONDS, as 100/60.
    #[arg(
        long,
        env = "MCPS_AUTHORITY_ISSUE_QUOTA",
        value_name = "QUOTA",
        default_value = "2000/1"
    )]
    issue_quota: Quota,
    /// How much each caller may revoke, suspend, stop and take back; issuing takes nothing from it.
    #[arg(
        long,
        env = "MCPS_AUTHORITY_ORDER_QUOTA",
        value_name = "QUOTA",
        default_value = "2000/1"
    )]
    order_quota: Quota,
    /// How often each webhook's security event tokens may be fetched.
    #[arg(
        long,
        env = "MCPS_AUTHORITY_FETCH_QUOTA",
        value_name = "QUOTA",
        default_value = "120/60"
    )]
    fetch_quota: Quota,
}

impl Quotas {
    /// With these, a configuration.
    pub(crate) fn over(self, config: Config) -> Config {
        Config {
            issue_quota: self.issue_quota,
            order_quota: self.order_quota,
            fetch_quota: self.fetch_quota,
            ..config
        }
    }
}
