//! Sessions with a token: as many threads sign at once as there are sessions, and a session that
//! failed is replaced, with a new login.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cryptoki::context::Pkcs11;
use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::TokenInfo;
use cryptoki::types::AuthPin;

use super::{TokenError, module};
use crate::secret::Secret;

/// Most sessions at once. Tokens have few, and a network token gains nothing from more.
const SESSIONS: usize = 16;
/// How long a signature waits for a session.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sessions of one token.
pub(super) struct Pool {
    module: Pkcs11,
    label: String,
    pin: Secret,
    sessions: Mutex<Sessions>,
    returned: Condvar,
    /// The PIN was refused: trying it again would lock the token.
    refused: AtomicBool,
}

#[derive(Default)]
struct Sessions {
    idle: Vec<Session>,
    taken: usize,
    /// Counts failures: sessions from before one are not used again.
    generation: u64,
}

impl Pool {
    pub(super) fn new(module: Pkcs11, label: String, pin: Secret) -> Self {
        Self {
            module,
            label,
            pin,
            sessions: Mutex::default(),
            returned: Condvar::new(),
            refused: AtomicBool::new(false),
        }
    }

    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// Runs `work` in a session. Whatever fails is tried once more in a new one: the token may have
    /// been away.
    pub(super) fn with<T>(
        &self,
        work: impl Fn(&Session) -> Result<T, Error>,
    ) -> Result<T, TokenError> {
        match self.once(&work) {
            Err(TokenError::Failed { .. }) => self.once(&work),
            other => other,
        }
    }

    /// Runs `work` in a session, once.
    pub(super) fn once<T>(
        &self,
        work: impl FnOnce(&Session) -> Result<T, Error>,
    ) -> Result<T, TokenError> {
        let (idle, generation) = self.take()?;
        let session = match idle.map_or_else(|| self.open(), Ok) {
            Ok(session) => session,
            Err(error) => {
                self.give_back(None, generation);
                return Err(error);
            }
        };
        let done = work(&session);
        self.give_back(done.is_ok().then_some(session), generation);
        done.map_err(|source| self.failed(source))
    }

    /// A place, and a session that waits in it.
    fn take(&self) -> Result<(Option<Session>, u64), TokenError> {
        let full = |sessions: &mut Sessions| sessions.taken >= SESSIONS;
        let waited = self
            .returned
            .wait_timeout_while(self.lock(), PATIENCE, full);
        let (mut sessions, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            let label = self.label.clone();
            return Err(TokenError::Busy { label });
        }
        sessions.taken += 1;
        Ok((sessions.idle.pop(), sessions.generation))
    }

    /// Frees the place. Without a session, all others are dropped too: what ended this one ended
    /// them, or they are opened again at little cost.
    fn give_back(&self, session: Option<Session>, generation: u64) {
        let mut sessions = self.lock();
        sessions.taken = sessions.taken.saturating_sub(1);
        let mut ended = Vec::new();
        match session {
            Some(session) if generation == sessions.generation => sessions.idle.push(session),
            Some(session) => ended.push(session),
            None => {
                if generation == sessions.generation {
                    sessions.generation += 1;
                    ended.append(&mut sessions.idle);
                }
            }
        }
        drop(sessions);
        self.returned.notify_one();
        // Closing asks the token, which may take its time.
        drop(ended);
    }

    fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new session, logged in.
    fn open(&self) -> Result<Session, TokenError> {
        if self.refused.load(Ordering::Relaxed) {
            let label = self.label.clone();
            return Err(TokenError::Pin { label });
        }
        let failed = |source| self.failed(source);
        // Some modules forget everything when their device goes.
        module::initialise(&self.module).map_err(failed)?;
        let slots = self.module.get_slots_with_token();
        let mut present = Vec::new();
        for slot in slots.map_err(failed)? {
            // A slot that says nothing is not the one that is looked for.
            let info = self.module.get_token_info(slot).ok();
            let Some(info) = info.filter(TokenInfo::token_initialized) else {
                continue;
            };
            if info.label() != self.label {
                present.push(info.label().to_owned());
                continue;
            }
            let session = self.module.open_rw_session(slot).map_err(failed)?;
            self.log_in(&session)?;
            return Ok(session);
        }
        Err(TokenError::Absent {
            label: self.label.clone(),
            present: match present.is_empty() {
                true => "none".to_owned(),
                false => present.join(", "),
            },
        })
    }

    fn log_in(&self, session: &Session) -> Result<(), TokenError> {
        let label = self.label.clone();
        let pin = AuthPin::from(self.pin.reveal().to_owned());
        match session.login(UserType::User, Some(&pin)) {
            // One login counts for all sessions of a process.
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
            Err(Error::Pkcs11(
                RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange,
                _,
            )) => {
                self.refused.store(true, Ordering::Relaxed);
                Err(TokenError::Pin { label })
            }
            Err(Error::Pkcs11(RvError::PinLocked, _)) => Err(TokenError::Locked { label }),
            Err(source) => Err(self.failed(source)),
        }
    }

    fn failed(&self, source: Error) -> TokenError {
        TokenError::Failed {
            label: self.label.clone(),
            source,
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}
