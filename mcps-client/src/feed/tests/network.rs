//! A network by script. Time is tokio's, held still: it passes when everybody waits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcps_core::clock::{Clock, Timestamp};
use mcps_core::feed::{Cursor, Event};
use mcps_core::random::SeededRandom;
use mcps_core::trust::TrustBundle;
use tokio::time::{Instant, sleep, timeout};

use super::{NOW, bundle};
use crate::feed::{Feed, Frames, Keys, Trouble, Watcher, Wire, pursue};
use crate::follower::{Alert, Follower, State};

/// A clock that goes with tokio's.
#[derive(Debug)]
pub(crate) struct Paused(Instant);

impl Paused {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }
}

impl Clock for Paused {
    fn now(&self) -> Timestamp {
        NOW.plus(self.0.elapsed())
    }
}

/// What a stream does next.
#[derive(Clone, Debug)]
pub(crate) enum Does {
    /// Waits.
    Waits(Duration),
    /// Sends a frame.
    Sends(String),
    /// Ends, or breaks off.
    Ends,
    Breaks(Trouble),
}

/// How a question is answered.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// A stream that does these things, and then is silent.
    Stream(Vec<Does>),
    /// These frames, after waiting.
    Frames(Duration, Vec<String>),
    /// A snapshot or a statement.
    Text(String),
    Fails(Trouble),
    /// Never.
    Hangs,
}

/// Answers one question after the other, and keeps what was asked and when. In the end it hangs.
#[derive(Debug, Default)]
pub(crate) struct Network {
    pub(crate) answers: Mutex<VecDeque<Answer>>,
    pub(crate) asked: Mutex<Vec<(String, Duration)>>,
    start: Option<Instant>,
}

impl Network {
    pub(crate) fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self {
            answers: Mutex::new(answers.into_iter().collect()),
            asked: Mutex::default(),
            start: Some(Instant::now()),
        }
    }

    /// What was asked.
    pub(crate) fn questions(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|(question, _)| question.clone()).collect()
    }

    /// And when.
    pub(crate) fn times(&self) -> Vec<Duration> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|(_, at)| *at).collect()
    }

    fn next(&self, question: String) -> Answer {
        let at = self.start.unwrap().elapsed();
        self.asked.lock().unwrap().push((question, at));
        let next = self.answers.lock().unwrap().pop_front();
        next.unwrap_or(Answer::Hangs)
    }

    async fn text(&self, question: String) -> Result<String, Trouble> {
        match self.next(question) {
            Answer::Text(text) => Ok(text),
            Answer::Fails(trouble) => Err(trouble),
            Answer::Hangs => std::future::pending().await,
            other => panic!("the script has {other:?} here"),
        }
    }
}

impl Wire for Network {
    type Stream = Scripted;

    async fn stream(&self, after: Option<Cursor>) -> Result<Scripted, Trouble> {
        let after = after.map_or_else(|| "?".to_owned(), |after| after.to_string());
        match self.next(format!("stream {after}")) {
            Answer::Stream(script) => Ok(Scripted(script.into())),
            Answer::Fails(trouble) => Err(trouble),
            Answer::Hangs => std::future::pending().await,
            other => panic!("the script has {other:?} here"),
        }
    }

    async fn frames(&self, after: Cursor) -> Result<Vec<String>, Trouble> {
        match self.next(format!("frames {after}")) {
            Answer::Frames(wait, frames) => {
                sleep(wait).await;
                Ok(frames)
            }
            Answer::Fails(trouble) => Err(trouble),
            Answer::Hangs => std::future::pending().await,
            other => panic!("the script has {other:?} here"),
        }
    }

    async fn snapshot(&self) -> Result<Vec<u8>, Trouble> {
        self.text("snapshot".to_owned())
            .await
            .map(String::into_bytes)
    }

    async fn epoch(&self, number: u64) -> Result<String, Trouble> {
        self.text(format!("epoch {number}")).await
    }
}

#[derive(Debug)]
pub(crate) struct Scripted(VecDeque<Does>);

impl Frames for Scripted {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Trouble> {
        loop {
            match self.0.pop_front() {
                Some(Does::Waits(time)) => sleep(time).await,
                Some(Does::Sends(frame)) => return Ok(Some(frame.into_bytes())),
                Some(Does::Ends) => return Ok(None),
                Some(Does::Breaks(trouble)) => return Err(trouble),
                None => std::future::pending().await,
            }
        }
    }
}

/// Key sets: the first at the beginning, each refresh gives the next.
#[derive(Debug)]
pub(crate) struct KeySets {
    number: Mutex<i64>,
    pub(crate) refreshed: Mutex<usize>,
}

impl KeySets {
    pub(crate) fn new() -> Self {
        Self {
            number: Mutex::new(1),
            refreshed: Mutex::new(0),
        }
    }
}

impl Keys for KeySets {
    fn bundle(&self) -> Option<Arc<TrustBundle>> {
        Some(bundle(*self.number.lock().unwrap()))
    }

    async fn refresh(&self) {
        *self.number.lock().unwrap() = 2;
        *self.refreshed.lock().unwrap() += 1;
    }
}

/// Keeps what it is told.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) followed: usize,
    pub(crate) news: Vec<u64>,
    pub(crate) alerts: Vec<Alert>,
    pub(crate) troubles: Vec<Trouble>,
    pub(crate) states: Vec<State>,
}

impl Watcher for Notes {
    fn followed(&mut self, _: &[u8], news: &[Event], _: &Feed) {
        self.followed += 1;
        self.news.extend(news.iter().map(Event::seq));
    }

    fn refused(&mut self, alert: Alert, _: &Feed) {
        self.alerts.push(alert);
    }

    fn failed(&mut self, trouble: &Trouble, _: &Feed) {
        self.troubles.push(trouble.clone());
    }

    fn stands(&mut self, state: State, _: &Feed) {
        if self.states.last() != Some(&state) {
            self.states.push(state);
        }
    }
}

/// What came of a script.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) feed: Feed,
    pub(crate) network: Network,
    pub(crate) notes: Notes,
    pub(crate) refreshed: usize,
}

/// Follows for that long, from nothing.
pub(crate) async fn follow(seconds: u64, answers: impl IntoIterator<Item = Answer>) -> Told {
    follow_from(Follower::new(super::NAME), seconds, answers).await
}

/// The same from what a follower knows.
pub(crate) async fn follow_from(
    follower: Follower,
    seconds: u64,
    answers: impl IntoIterator<Item = Answer>,
) -> Told {
    let (feed, network) = (Feed::new(follower), Network::new(answers));
    let (keys, mut notes, random) = (KeySets::new(), Notes::default(), SeededRandom::new(7));
    let clock = Paused::new();
    let pursuing = pursue(&feed, &network, &keys, &clock, &random, &mut notes);
    let ended = timeout(Duration::from_secs(seconds), pursuing).await;
    assert!(ended.is_err());
    let refreshed = *keys.refreshed.lock().unwrap();
    Told {
        feed,
        network,
        notes,
        refreshed,
    }
}
