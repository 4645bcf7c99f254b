//! From a received message to a verified one, in the order that PROTOCOL §4.3 gives: structure,
//! audience, time, passport, revocation, signature, nonce. One line a stage.

use std::sync::Arc;
use std::time::Duration;

use mcps_core::clock::{Clock, Timestamp};
use mcps_core::envelope::Sealed;
use mcps_core::level::{Effective, TrustLevel};
use mcps_core::passport::{Kind, Passport};
use mcps_core::refusal::Refusal;
use mcps_core::replay::ReplayGuard;
use mcps_core::trust::Standing;

use crate::trust_source::{Live, TrustSource};

/// How far a message's timestamp may be off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Into the past.
    pub past: Duration,
    /// Into the future.
    pub future: Duration,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            past: Duration::from_secs(300),
            future: Duration::from_secs(60),
        }
    }
}

/// What a message's sender turned out to be. Only [`Verifier::verify`] makes one, so whoever
/// holds it knows that every stage before passed.
#[derive(Debug)]
pub struct Verified {
    sealed: Sealed,
    passport: Arc<Passport>,
    trust: Effective,
    live: Option<Live>,
}

impl Verified {
    /// The message with its envelope.
    #[must_use]
    pub const fn sealed(&self) -> &Sealed {
        &self.sealed
    }

    /// Gives up the evidence for the message.
    #[must_use]
    pub fn into_sealed(self) -> Sealed {
        self.sealed
    }

    /// Who signed.
    #[must_use]
    pub const fn passport(&self) -> &Arc<Passport> {
        &self.passport
    }

    /// The three inputs of the trust decision.
    #[must_use]
    pub const fn trust(&self) -> Effective {
        self.trust
    }

    /// Whether the effective level suffices.
    ///
    /// # Errors
    /// [`Refusal::TrustTooLow`]; [`Refusal::StatusTooOld`] when only the age of what is known of
    /// revocations keeps it down.
    pub fn require(&self, need: TrustLevel) -> Result<(), Refusal> {
        let have = self.trust.level();
        if have >= need {
            return Ok(());
        }
        let by_status = self.live.is_some() && self.trust.passport.min(self.trust.cap) >= need;
        Err(if by_status {
            Refusal::StatusTooOld { level: need }
        } else {
            Refusal::TrustTooLow { have, need }
        })
    }
}

/// Verifies what one process receives.
#[derive(Debug)]
pub struct Verifier {
    /// Whom to believe.
    pub trust: Arc<TrustSource>,
    /// Nonces seen.
    pub replay: Arc<ReplayGuard>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How far off a timestamp may be.
    pub window: Window,
}

impl Verifier {
    /// Verifies one message whose envelope was read.
    ///
    /// `addressed` says whether an audience is us; `kinds` are the subjects that may speak here.
    ///
    /// # Errors
    /// The refusal of the first stage that fails.
    pub async fn verify(
        &self,
        sealed: Sealed,
        addressed: impl Fn(&str) -> bool,
        kinds: &[Kind],
    ) -> Result<Verified, Refusal> {
        let fields = sealed.fields();
        if !addressed(&fields.aud) {
            return Err(Refusal::WrongAudience);
        }
        self.in_window(fields.stamped)?;
        let (passport, standing) = self
            .trust
            .passport(&fields.passport_id, fields.passport.as_deref())?;
        may_speak(&passport, kinds)?;
        let live = self.revocation(&passport, standing).await?;
        sealed.verify(passport.public_key())?;
        let now = self.clock.now();
        self.replay.check_and_insert(
            &fields.passport_id,
            &fields.aud,
            &fields.nonce,
            fields.stamped,
            now,
        )?;
        let trust = effective(&sealed, &passport, standing, live)?;
        Ok(Verified {
            sealed,
            passport,
            trust,
            live,
        })
    }

    fn in_window(&self, stamped: Timestamp) -> Result<(), Refusal> {
        let now = self.clock.now();
        if stamped > now.plus(self.window.future) || stamped < now.minus(self.window.past) {
            let window_ms = i64::try_from(self.window.past.as_millis()).unwrap_or(i64::MAX);
            return Err(Refusal::OutOfWindow {
                off_ms: stamped.since(now),
                window_ms,
            });
        }
        Ok(())
    }

    /// Nobody can revoke what nobody recognises, and it is worth L0; all else needs a status.
    async fn revocation(
        &self,
        passport: &Passport,
        standing: Standing,
    ) -> Result<Option<Live>, Refusal> {
        if !standing.recognised {
            return Ok(None);
        }
        self.trust.status(passport.id()).await.map(Some)
    }
}

/// Passports of draft-00 peers have no kind; they may speak, at L1 at most ([`effective`]).
fn may_speak(passport: &Passport, kinds: &[Kind]) -> Result<(), Refusal> {
    let excluded = passport.ext().is_some_and(|ext| !kinds.contains(&ext.kind));
    if excluded {
        Err(Refusal::Passport(
            "a subject of this kind does not speak here",
        ))
    } else {
        Ok(())
    }
}

/// Signed messages satisfy L1; each level above asks for fresher knowledge of revocations. Tools
/// are signed and both directions too on every link of ours, which L3 and L4 ask for. A message
/// without our bindings (bare draft-00) has neither audience nor session: L1 at most.
fn effective(
    sealed: &Sealed,
    passport: &Passport,
    standing: Standing,
    live: Option<Live>,
) -> Result<Effective, Refusal> {
    let bound = !sealed.fields().aud.is_empty() && passport.ext().is_some();
    let by_status = live.map_or(Ok(TrustLevel::L1), |live| live.level())?;
    let channel = if bound { by_status } else { TrustLevel::L1 };
    let recorded = live
        .and_then(|live| live.recorded)
        .unwrap_or(TrustLevel::L4);
    Ok(Effective {
        passport: passport.trust_level(),
        cap: standing.cap.min(recorded),
        channel,
    })
}
