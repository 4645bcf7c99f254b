//! From a received message to a verified one, in the order that PROTOCOL §4.3 gives: structure,
//! audience, time, passport, revocation, signature, access token, nonce. One line a stage.

use std::sync::Arc;
use std::time::Duration;

use mcps_core::clock::{Clock, Timestamp};
use mcps_core::envelope::Sealed;
use mcps_core::level::{Effective, TrustLevel};
use mcps_core::passport::{Kind, Passport, PassportId};
use mcps_core::refusal::Refusal;
use mcps_core::replay::ReplayLimits;
use mcps_core::trust::Standing;

use crate::replay::{Replay, Used};
use crate::token::Presented;
use crate::trust_source::{Live, TrustSource};

/// How far a message's timestamp may be off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Into the past.
    pub past: Duration,
    /// Into the future.
    pub future: Duration,
}

impl Window {
    /// How long nonces must be remembered for it.
    #[must_use]
    pub fn replay_limits(self) -> ReplayLimits {
        ReplayLimits {
            window: self.past,
            skew: self.future,
            ..ReplayLimits::default()
        }
    }
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
    recognised: bool,
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

    /// Whether an authority that is believed here vouches for who signed. Else the passport's
    /// every word is its owner's own.
    #[must_use]
    pub const fn is_recognised(&self) -> bool {
        self.recognised
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
        require(self.trust, self.live.is_some(), need)
    }
}

/// Verifies what one process receives.
#[derive(Clone, Debug)]
pub struct Verifier {
    /// Whom to believe.
    pub trust: Arc<TrustSource>,
    /// Nonces seen.
    pub replay: Arc<dyn Replay>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How far off a timestamp may be.
    pub window: Window,
}

impl Verifier {
    /// Verifies one message whose envelope was read.
    ///
    /// `addressed` says whether an audience is us; `kinds` are the subjects that may speak here;
    /// `token` is what came with the message, where a token could have. A wrong one burns no nonce:
    /// whoever is on the way could have put it there, and the message may yet come as it was sent.
    ///
    /// # Errors
    /// The refusal of the first stage that fails.
    pub async fn verify(
        &self,
        sealed: Sealed,
        addressed: impl Fn(&str) -> bool,
        kinds: &[Kind],
        token: Option<Presented>,
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
        token.map_or(Ok(()), |token| token.is_bound(fields.ath.as_ref()))?;
        self.replay.take(used(&sealed), self.clock.now()).await?;
        let bound = !sealed.fields().aud.is_empty();
        let trust = effective(bound, &passport, standing, live);
        Ok(Verified {
            sealed,
            passport,
            trust,
            live: live.map(|(live, _)| live),
            recognised: standing.recognised,
        })
    }

    /// Whether somebody who spoke before may still be spoken to: what is said to them is lost if
    /// they were revoked since.
    ///
    /// # Errors
    /// As [`Verifier::verify`] for a message of theirs, as far as it is about their passport.
    pub async fn holds(&self, id: &PassportId, need: TrustLevel) -> Result<(), Refusal> {
        let (passport, standing) = self.trust.passport(id, None)?;
        let live = self.revocation(&passport, standing).await?;
        let trust = effective(true, &passport, standing, live);
        require(trust, live.is_some(), need)
    }

    /// What a passport is worth here and now to whoever signs with its key, and whether an authority
    /// that is believed here vouches for it. Nothing of theirs is verified by that.
    ///
    /// # Errors
    /// As [`Verifier::verify`] for a message of theirs, as far as it is about their passport.
    pub async fn assess(&self, passport: &Passport) -> Result<(Effective, bool), Refusal> {
        let (passport, standing) = self.trust.passport(passport.id(), Some(passport))?;
        let live = self.revocation(&passport, standing).await?;
        Ok((
            effective(true, &passport, standing, live),
            standing.recognised,
        ))
    }

    /// Who signed a message that [`Verifier::verify`] refused, as far as an authority that is
    /// believed here vouches for them; `None` when anybody may have made it.
    #[must_use]
    pub fn signer(&self, sealed: &Sealed) -> Option<Arc<Passport>> {
        let fields = sealed.fields();
        let (id, brought) = (&fields.passport_id, fields.passport.as_deref());
        // Makes it known if it may be; what it is worth does not matter here.
        drop(self.trust.passport(id, brought));
        let passport = self.trust.remembered(id)?;
        sealed
            .verify(passport.public_key())
            .is_ok()
            .then_some(passport)
    }

    /// Takes note of a message that is refused for good, so that it is not served when it comes
    /// again. Whether it had not come before, as far as that can be known.
    pub async fn spend(&self, sealed: &Sealed) -> bool {
        let spent = self.replay.take(used(sealed), self.clock.now()).await;
        !matches!(
            spent,
            Err(Refusal::Replayed | Refusal::SharedStateUnavailable)
        )
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

    /// What is known of revocations, and the level for which that is fresh enough. Nobody can
    /// revoke what nobody recognises, and it is worth L0; all else needs the authority's word, and
    /// so does each issuer between it and the authority.
    async fn revocation(
        &self,
        passport: &Passport,
        standing: Standing,
    ) -> Result<Option<(Live, TrustLevel)>, Refusal> {
        if !standing.recognised {
            return Ok(None);
        }
        let live = self.trust.live(passport, standing).await?;
        Ok(Some((live, live.level()?)))
    }
}

fn used(sealed: &Sealed) -> Used<'_> {
    let fields = sealed.fields();
    Used {
        passport: &fields.passport_id,
        aud: &fields.aud,
        nonce: &fields.nonce,
        stamped: fields.stamped,
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
    bound: bool,
    passport: &Passport,
    standing: Standing,
    live: Option<(Live, TrustLevel)>,
) -> Effective {
    let bound = bound && passport.ext().is_some();
    let by_status = live.map_or(TrustLevel::L1, |(_, level)| level);
    let channel = if bound { by_status } else { TrustLevel::L1 };
    let recorded = live
        .and_then(|(live, _)| live.recorded)
        .unwrap_or(TrustLevel::L4);
    Effective {
        passport: passport.trust_level(),
        cap: standing.cap.min(recorded),
        channel,
    }
}

fn require(trust: Effective, has_status: bool, need: TrustLevel) -> Result<(), Refusal> {
    let have = trust.level();
    if have >= need {
        return Ok(());
    }
    let by_status = has_status && trust.passport.min(trust.cap) >= need;
    Err(if by_status {
        Refusal::StatusTooOld { level: need }
    } else {
        Refusal::TrustTooLow { have, need }
    })
}
