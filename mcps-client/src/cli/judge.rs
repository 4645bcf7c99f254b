//! Judging a passport by what this home believes, one check at a time.

use mcps_client::authority::AuthorityClient;
use mcps_client::error::ClientError;
use mcps_client::home::Home;
use mcps_core::clock::Timestamp;
use mcps_core::level::TrustLevel;
use mcps_core::passport::{Passport, PassportId};
use mcps_core::random::hex16;
use mcps_core::refusal::Refusal;
use mcps_core::status::Status;
use mcps_core::trust::{ISSUE_SKEW, Standing, TrustBundle, TrustStore};

use super::checks::Checks;
use super::output::instant;
use super::{CliError, Machine};

/// The authority that a home believes, and its keys.
pub(crate) struct Believed {
    url: String,
    bundle: TrustBundle,
    store: TrustStore,
}

impl Believed {
    /// From a home that has enrolled.
    ///
    /// # Errors
    /// What [`Home::authority`] and [`Home::trust`] say.
    pub(crate) fn load(home: &Home) -> Result<Self, CliError> {
        let pin = home.authority()?;
        let bundle = home.trust(&pin.root()?)?;
        Ok(Self::new(pin.url, bundle))
    }

    /// The same, and what the authority publishes now, if it answers: its keys may have changed
    /// since this home last asked. A set of another root, to which the pinned one did not lead, or of
    /// another authority is not taken.
    ///
    /// # Errors
    /// As [`Believed::load`].
    pub(crate) async fn load_online(home: &Home) -> Result<Self, CliError> {
        let known = Self::load(home)?;
        let Ok(bundle) = known.authority()?.trust().await else {
            return Ok(known);
        };
        let is_later =
            bundle.number() > known.bundle.number() && bundle.authority() == known.name();
        if !is_later || bundle.verify(known.bundle.signer()).is_err() {
            return Ok(known);
        }
        if let Err(error) = home.keep_trust(&bundle) {
            tracing::debug!(error = %error, "the newer key set is not kept: {error}");
        }
        Ok(Self::new(known.url, bundle))
    }

    fn new(url: String, bundle: TrustBundle) -> Self {
        let mut store = TrustStore::default();
        store.add_bundle(&bundle, TrustLevel::L4);
        Self { url, bundle, store }
    }

    /// The client of the authority.
    ///
    /// # Errors
    /// [`ClientError::Address`] when the home names none.
    pub(crate) fn authority(&self) -> Result<AuthorityClient, ClientError> {
        AuthorityClient::new(&self.url)
    }

    /// Whom it believes, in words.
    fn name(&self) -> &str {
        self.bundle.authority()
    }

    /// Checks times, issuer, chain and level of a passport as of `at`, where `now` is only for
    /// saying how far off that is.
    pub(crate) fn judge(
        &self,
        passport: &Passport,
        at: Timestamp,
        now: Timestamp,
        checks: &mut Checks,
    ) {
        let in_time = within_time(passport, at);
        match &in_time {
            Ok(()) => checks.holds(
                "times",
                format!("until {}", instant(passport.expires_at(), now)),
            ),
            Err(refusal @ Refusal::NotYetValid) => {
                checks.fails_as(
                    "times",
                    refusal.clone(),
                    format!("issued {}", instant(passport.issued_at(), now)),
                );
            }
            Err(refusal) => checks.fails_as(
                "times",
                refusal.clone(),
                format!("expired {}", instant(passport.expires_at(), now)),
            ),
        }
        // An expired passport may still have been well signed, which is worth knowing.
        let signed_at = if in_time.is_ok() {
            at
        } else {
            passport.issued_at()
        };
        let standing = self.store.verify(passport, signed_at);
        self.issuer(passport, checks);
        let parents = passport.issuer_chain().len();
        match &standing {
            Ok(Standing {
                recognised: true, ..
            }) if parents == 0 => checks.holds("chain", "signed by the authority itself"),
            Ok(Standing {
                recognised: true, ..
            }) => checks.holds(
                "chain",
                format!("{parents} issuing passports, each entitled to what it issued"),
            ),
            Ok(Standing {
                recognised: false, ..
            }) => checks.open("chain", "it leads to nobody this home knows"),
            Err(refusal) => checks.fails("chain", refusal.clone()),
        }
        let stated = passport.trust_level();
        match standing {
            Ok(standing) if standing.recognised => {
                let worth = stated.min(standing.cap);
                checks.holds(
                    "level",
                    format!(
                        "{worth} {}: the passport states {stated}, its chain supports {}",
                        worth.name(),
                        standing.cap
                    ),
                );
            }
            _ => checks.open(
                "level",
                format!("the passport states {stated}, which counts as L0 here"),
            ),
        }
    }

    fn issuer(&self, passport: &Passport, checks: &mut Checks) {
        let issuers = std::iter::once(passport)
            .chain(passport.issuer_chain())
            .map(Passport::issuer);
        if issuers
            .into_iter()
            .any(|issuer| self.store.anchor(issuer).is_some())
        {
            checks.holds(
                "issuer",
                format!(
                    "{}, which this home believes (root key {})",
                    self.name(),
                    self.bundle.signer()
                ),
            );
        } else {
            let detail = format!(
                "{} issued it, and this home believes {} alone",
                passport.issuer(),
                self.name()
            );
            checks.fails_as("issuer", Refusal::UnknownIssuer, detail);
        }
    }

    /// Asks the authority for a signed status and checks that.
    pub(crate) async fn ask(&self, id: &PassportId, machine: &Machine, checks: &mut Checks) {
        match self.status(id, machine).await {
            Ok(status) => match status.admits() {
                Ok(()) => checks.holds(
                    "revocation",
                    format!("good, as {} signed at {}", self.name(), status.produced_at),
                ),
                Err(refusal) => {
                    let since = status
                        .revoked_at
                        .map(|at| format!(" since {at}"))
                        .unwrap_or_default();
                    let why = status
                        .reason
                        .map(|reason| format!(": {reason}"))
                        .unwrap_or_default();
                    checks.fails_as(
                        "revocation",
                        refusal,
                        format!("{}{since}{why}", status.state.as_str()),
                    );
                }
            },
            Err(ClientError::Refused(refusal)) => checks.fails("revocation", refusal),
            Err(error) => checks.fails_as(
                "revocation",
                Refusal::AuthorityUnreachable,
                error.to_string(),
            ),
        }
    }

    async fn status(&self, id: &PassportId, machine: &Machine) -> Result<Status, ClientError> {
        let nonce = hex16(machine.random.as_ref())?;
        let text = self.authority()?.status_text(id, &nonce).await?;
        Ok(Status::verify(
            &text,
            &self.bundle,
            id,
            &nonce,
            machine.clock.now(),
        )?)
    }
}

fn within_time(passport: &Passport, at: Timestamp) -> Result<(), Refusal> {
    if passport.issued_at() > at.plus(ISSUE_SKEW) {
        Err(Refusal::NotYetValid)
    } else if passport.expires_at() <= at {
        Err(Refusal::Expired)
    } else {
        Ok(())
    }
}
