//! What followers say of themselves, taken in: signed by the key of a passport that is good, of a
//! position that exists, and newer than what was said before.
//!
//! After an event everybody speaks at once, while the event is still on its way to others. So words
//! are gathered for a moment, and judged and written together: a thousand of them cost a few
//! statements, and never more than half of one core.

mod enforcement;

pub use enforcement::{ALIVE, By, Enforcement, NAMED, REMEMBERED, enforcement};

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use mcps_core::clock::{Clock, Timestamp};
use mcps_core::feed::{Ack, Cursor, UnprovenAck};
use mcps_core::passport::PassportId;
use mcps_core::status::State;
use mcps_core::trust::KeyState;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

use crate::error::Error;
use crate::keys::Keys;
use crate::store::{Db, FollowerId, Heard, Reach, Record};

/// How long words are gathered.
const GATHER: Duration = Duration::from_millis(100);
/// Most words that are judged together.
const BATCH: usize = 1024;
/// Most words that wait.
const WAITING: usize = 8192;
/// Most words in the name of one passport that are judged together.
const EACH: usize = 64;
/// Most processes of one passport that are listened to in a minute.
const INSTANCES: usize = 64;
/// How far off a follower's clock may be, as with messages.
const SKEW_MS: i64 = 300_000;
/// How often those are forgotten of whom nothing was heard.
const FORGET: Duration = Duration::from_secs(60);

/// Why an acknowledgement is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AckError {
    /// It is meant for another authority.
    #[error("it names another authority than this one")]
    ForeignAuthority,
    /// The passport is not ours.
    #[error("it names a passport that was not issued here")]
    UnknownPassport,
    /// The passport was revoked, or what it belongs to.
    #[error("its passport has been revoked")]
    Revoked,
    /// The passport is past its time.
    #[error("its passport has expired")]
    Expired,
    /// Somebody else signed it, or it was edited.
    #[error("it is not signed by the key of its passport")]
    BadSignature,
    /// The follower's clock is off.
    #[error("its time is more than 5 minutes off; set the clock")]
    Clock,
    /// There is no such event yet.
    #[error("it names a position that the feed has not reached")]
    Ahead,
    /// A word of the same process was newer, or of a later position.
    #[error("it is not newer than what the same process said before")]
    NotNewer,
    /// Too many words, or too many processes.
    #[error("more is said in the name of this passport than is listened to; say it again later")]
    TooMany,
}

/// One word and who waits for the answer.
#[derive(Debug)]
struct Word {
    ack: UnprovenAck,
    at: Timestamp,
    answer: oneshot::Sender<Result<(), AckError>>,
}

/// Where words are handed in.
#[derive(Clone, Debug)]
pub struct Acks(mpsc::Sender<Word>);

impl Acks {
    /// Hands a word in, and waits until it was judged and written.
    ///
    /// # Errors
    /// [`Error::Ack`]; [`Error::FeedBehind`] when it could be neither.
    pub async fn take(&self, ack: UnprovenAck, at: Timestamp) -> Result<(), Error> {
        let (answer, answered) = oneshot::channel();
        let word = Word { ack, at, answer };
        self.0.try_send(word).map_err(|_| AckError::TooMany)?;
        let answered = answered.await.map_err(|_| Error::FeedBehind)?;
        Ok(answered?)
    }
}

/// Judges and writes what is handed in.
#[derive(Debug)]
pub struct AckWriter {
    authority: String,
    db: Db,
    keys: Arc<Keys>,
    clock: Arc<dyn Clock>,
    words: mpsc::Receiver<Word>,
    /// The processes of each passport that were listened to since `forgot`.
    instances: HashMap<PassportId, HashSet<String>>,
    forgot: Instant,
}

/// Against what a word is held.
struct Bench {
    authority: String,
    records: HashMap<PassportId, Record>,
    reach: Reach,
    /// Issuing keys that the key set revokes.
    issuers: HashSet<String>,
    head: Cursor,
}

impl AckWriter {
    /// For the authority of that name.
    #[must_use]
    pub fn new(authority: &str, db: Db, keys: Arc<Keys>, clock: Arc<dyn Clock>) -> (Acks, Self) {
        let (sender, words) = mpsc::channel(WAITING);
        let writer = Self {
            authority: authority.to_owned(),
            db,
            keys,
            clock,
            words,
            instances: HashMap::new(),
            forgot: Instant::now(),
        };
        (Acks(sender), writer)
    }

    /// Writes until nobody can hand in any more.
    pub async fn run(mut self) {
        let mut words = Vec::new();
        while self.words.recv_many(&mut words, BATCH).await > 0 {
            sleep(GATHER).await;
            while words.len() < BATCH
                && let Ok(word) = self.words.try_recv()
            {
                words.push(word);
            }
            let began = Instant::now();
            // Whoever waits is told by the end of its channel.
            if let Err(error) = self.listen(std::mem::take(&mut words)).await {
                tracing::warn!(error = %error, "acknowledgements of the feed are lost: {error}");
            }
            sleep(began.elapsed()).await;
        }
    }

    async fn listen(&mut self, words: Vec<Word>) -> Result<(), Error> {
        self.forget().await?;
        let bench = self.bench(&words).await?;
        // Signatures take the processor for a while.
        let judging = move || judged(words, &bench);
        let judged = tokio::task::spawn_blocking(judging).await;
        let mut newest: HashMap<FollowerId, (Heard, Vec<Answer>)> = HashMap::new();
        for (heard, answer) in judged.map_err(|_| Error::FeedBehind)? {
            if !self.admits(&heard.ack) {
                reply(answer, Err(AckError::TooMany));
                continue;
            }
            match newest.entry(heard.id.clone()) {
                Entry::Vacant(place) => {
                    place.insert((heard, vec![answer]));
                }
                Entry::Occupied(mut place) => {
                    let (kept, answers) = place.get_mut();
                    let (old, new) = (&kept.ack, &heard.ack);
                    if (old.at, old.position) == (new.at, new.position) {
                        reply(answer, Err(AckError::NotNewer));
                        continue;
                    }
                    if old.at < new.at {
                        *kept = heard;
                    }
                    answers.push(answer);
                }
            }
        }
        let (words, answers): (Vec<Heard>, Vec<Vec<Answer>>) = newest.into_values().unzip();
        let news = self.db.keep_acks(&words).await?;
        for (word, answers) in words.iter().zip(answers) {
            let kept = news.contains(&word.id);
            for answer in answers {
                reply(answer, kept.then_some(()).ok_or(AckError::NotNewer));
            }
        }
        Ok(())
    }

    /// Whether that process is one of not too many of its passport.
    fn admits(&mut self, ack: &Ack) -> bool {
        let known = self.instances.entry(ack.passport_id.clone()).or_default();
        known.contains(&ack.instance)
            || (known.len() < INSTANCES && known.insert(ack.instance.clone()))
    }

    async fn bench(&self, words: &[Word]) -> Result<Bench, Error> {
        let ids: HashSet<&PassportId> = words.iter().map(|w| &w.ack.claim().passport_id).collect();
        let ids: Vec<PassportId> = ids.into_iter().cloned().collect();
        let records = self.db.passports_among(&ids).await?.into_iter();
        let ring = self.keys.ring();
        let revoked = ring.bundle().keys().iter();
        let revoked = revoked.filter(|key| key.state == KeyState::Revoked);
        Ok(Bench {
            authority: self.authority.clone(),
            records: records.map(|record| (record.id.clone(), record)).collect(),
            reach: self.db.revoked_reach().await?,
            issuers: revoked
                .map(|key| key.public_key.key_id().to_string())
                .collect(),
            // Read last, so that no word is ahead of it that came before.
            head: self.db.head().await?.position.cursor(),
        })
    }

    async fn forget(&mut self) -> Result<(), Error> {
        if self.forgot.elapsed() >= FORGET {
            self.forgot = Instant::now();
            self.instances.clear();
            self.db
                .forget_acks(self.clock.now().minus(REMEMBERED))
                .await?;
        }
        Ok(())
    }
}

type Answer = oneshot::Sender<Result<(), AckError>>;

/// Whoever does not wait any more needs no answer.
fn reply(answer: Answer, result: Result<(), AckError>) {
    let _ = answer.send(result);
}

/// Those words that are believed; the others are answered.
fn judged(words: Vec<Word>, bench: &Bench) -> Vec<(Heard, Answer)> {
    let mut count: HashMap<PassportId, usize> = HashMap::new();
    let mut believed = Vec::new();
    for Word { ack, at, answer } in words {
        let count = count.entry(ack.claim().passport_id.clone()).or_default();
        *count += 1;
        let judged = match *count > EACH {
            true => Err(AckError::TooMany),
            false => bench.judge(ack, at),
        };
        match judged {
            Ok(heard) => believed.push((heard, answer)),
            Err(error) => reply(answer, Err(error)),
        }
    }
    believed
}

impl Bench {
    /// The signature comes last of what needs no other word: it costs most.
    fn judge(&self, ack: UnprovenAck, at: Timestamp) -> Result<Heard, AckError> {
        let claim = ack.claim();
        if claim.authority != self.authority {
            return Err(AckError::ForeignAuthority);
        }
        let record = self.records.get(&claim.passport_id);
        let record = record.ok_or(AckError::UnknownPassport)?;
        if claim.at.since(at).abs() > SKEW_MS {
            return Err(AckError::Clock);
        }
        let passport = record.passport().map_err(|_| AckError::UnknownPassport)?;
        let ack = ack.verify(passport.public_key());
        let ack = ack.map_err(|_| AckError::BadSignature)?;
        if self.issuers.contains(&record.issuer_kid) || self.reach.reaches(record) {
            return Err(AckError::Revoked);
        }
        match record.state(at) {
            State::Good | State::Suspended => {}
            State::Expired => return Err(AckError::Expired),
            State::Revoked | State::Unknown => return Err(AckError::Revoked),
        }
        if ack.position > self.head {
            return Err(AckError::Ahead);
        }
        let id = FollowerId {
            tenant: record.tenant.clone(),
            kind: record.kind,
            name: record.name.clone(),
            instance: ack.instance.clone(),
        };
        Ok(Heard { id, ack, at })
    }
}
