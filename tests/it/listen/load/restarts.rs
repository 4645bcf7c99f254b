//! A wrapper that is killed and started again while clients call: they are told, come back, and what
//! the first one accepted the next one refuses.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use futures_util::future::join_all;
use mcps_core::code::Code;
use mcps_transport::http::client::Response;

use super::connected;
use super::era::Era;
use super::ground::Ground;
use super::member::{Answer, Crew, Failed, Member, Posted};
use crate::wire::{code_of, eventually};

/// Posts that are kept to be sent again.
const KEPT: usize = 100;

/// How much.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Restarts {
    pub(crate) clients: usize,
    /// Clients behind a `mcps connect --url` each.
    pub(crate) connected: usize,
    /// How often the wrapper is killed.
    pub(crate) rounds: usize,
    /// Answers, of all clients together, between two times.
    pub(crate) between: usize,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) answered: usize,
    /// What came in the place of an answer, by how often.
    pub(crate) failures: BTreeMap<String, usize>,
    /// Posts that were sent again, and refused.
    pub(crate) again: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (answered, again) = (self.answered, self.again);
        writeln!(
            f,
            "{answered} calls answered; of those accepted before a restart {again} were sent again and refused"
        )?;
        write!(f, "in the place of an answer:")?;
        let mut failures = self.failures.iter();
        failures.try_for_each(|(failed, times)| write!(f, "\n  {times} x {failed}"))
    }
}

/// What all clients share.
#[derive(Default)]
struct Shared {
    answered: Cell<usize>,
    failures: RefCell<BTreeMap<String, usize>>,
    posts: RefCell<VecDeque<Posted>>,
    over: Cell<bool>,
}

impl Shared {
    fn count(&self, told: Result<(), String>) -> bool {
        match told {
            Ok(()) => {
                self.answered.set(self.answered.get() + 1);
                true
            }
            Err(failed) => {
                *self.failures.borrow_mut().entry(failed).or_default() += 1;
                false
            }
        }
    }

    fn keep(&self, posted: Posted) {
        let mut posts = self.posts.borrow_mut();
        posts.push_back(posted);
        if posts.len() > KEPT {
            posts.pop_front();
        }
    }
}

impl Restarts {
    pub(crate) async fn bear(self) -> Report {
        let ground = RefCell::new(Ground::set(1000).await);
        let crew = ground.borrow().crew();
        let shared = Shared::default();
        let clients = (0..self.clients).map(|own| client(&crew, own, &shared));
        let connected = (0..self.connected).map(|own| behind_connect(&ground, own, &shared));
        let killing = self.kill(&ground, &crew, &shared);
        let (again, ..) = tokio::join!(killing, join_all(clients), join_all(connected));
        let ground = ground.into_inner();
        for (words, times) in ground.done() {
            assert_eq!(times, 1, "{words}");
        }
        ground.is_well();
        Report {
            answered: shared.answered.get(),
            failures: shared.failures.into_inner(),
            again,
        }
    }

    #[expect(
        clippy::await_holding_refcell_ref,
        reason = "whoever else wants it tries, and goes on without"
    )]
    async fn kill(self, ground: &RefCell<Ground>, crew: &Crew, shared: &Shared) -> usize {
        let mut again = 0;
        for _ in 0..self.rounds {
            let due = shared.answered.get() + self.between;
            eventually("calls are answered", async || {
                (shared.answered.get() >= due).then_some(())
            })
            .await;
            let old: Vec<_> = shared.posts.borrow_mut().drain(..).collect();
            ground.borrow_mut().restart().await;
            let member = crew.member(Era::Modern);
            for posted in &old {
                let Ok(Response::Refused { body, .. }) = member.post(posted).await else {
                    panic!("accepted again: {}", posted.text);
                };
                // It is good but for its age: it may have been accepted before.
                let told = code_of(std::str::from_utf8(&body).unwrap());
                assert_eq!(told, Some(Code::OutOfWindow), "{}", posted.text);
                again += 1;
            }
        }
        let due = shared.answered.get() + self.between;
        eventually("calls are answered again", async || {
            (shared.answered.get() >= due).then_some(())
        })
        .await;
        shared.over.set(true);
        again
    }
}

/// Calls all the time, with a new session after each failure; in the end it is answered.
async fn client(crew: &Crew, own: usize, shared: &Shared) {
    let (mut member, mut number) = (join(crew, own).await, 0);
    loop {
        number += 1;
        let words = format!("call {number} of client {own}");
        let told = call(&member, own, &words, shared).await;
        let answered = shared.count(told.map_err(|failed| format!("{failed:?}")));
        if answered && shared.over.get() {
            return;
        }
        if !answered {
            member = join(crew, own).await;
        }
    }
}

/// A call whose bytes are kept where a new wrapper can read them: in the older era its session is
/// all it would look at.
async fn call(member: &Member, own: usize, words: &str, shared: &Shared) -> Result<(), Failed> {
    if Era::of(own) == Era::Legacy {
        return member.echo(words).await;
    }
    // So that a wrapper that never heard of us can judge it.
    member.introduce();
    let (posted, body) = member.seal(&member.call("echo", words));
    let answer = member.post(&posted).await?;
    // It was accepted, so it must not be again.
    if let Response::Json { .. } | Response::Events { .. } = answer {
        shared.keep(posted);
    }
    let answer = Answer::of(answer, body, member).await?.last(member).await?;
    let told = &answer["result"]["content"][0]["text"];
    assert_eq!(told, words, "somebody else's answer: {answer}");
    Ok(())
}

async fn join(crew: &Crew, own: usize) -> Member {
    eventually("a new session", async || crew.join(Era::of(own)).await.ok()).await
}

async fn behind_connect(ground: &RefCell<Ground>, own: usize, shared: &Shared) {
    let mut number = 0;
    while !shared.over.get() {
        let opened = eventually("the wrapper is there", async || {
            let ground = ground.try_borrow().ok()?;
            Some(ground.connected(Era::of(own)))
        });
        let mut opened = opened.await;
        let told = opened.open().await;
        let mut goes_on = shared.count(told.map_err(|failed| format!("connect: {failed:?}")));
        while goes_on && !shared.over.get() {
            number += 1;
            let told = opened
                .echo(&format!("call {number} of connect {own}"))
                .await;
            goes_on = !matches!(told, Err(connected::Failed::Ended));
            shared.count(told.map_err(|failed| format!("connect: {failed:?}")));
        }
    }
}
