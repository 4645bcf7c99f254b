//! When a server that cannot be reached is tried again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use mcps_client::link::Link;
use mcps_core::clock::ManualClock;
use mcps_transport::http::headers::McpHeaders;

use super::*;

const OPENING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#;
const OPENED: &str = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;

/// What a server does.
#[derive(Clone, Copy)]
enum Does {
    Nothing,
    CannotBeReached,
    Answers,
}

/// A server, and how often somebody tried to open a session there.
struct Fake {
    does: Mutex<Does>,
    tried: AtomicUsize,
}

impl Fake {
    fn does(&self, does: Does) {
        *self.does.lock().unwrap() = does;
    }

    fn tried(&self) -> usize {
        self.tried.load(Ordering::SeqCst)
    }
}

impl Reach for Fake {
    fn post(&self, outward: Outward) -> Awaited<'_> {
        let headers = McpHeaders::default();
        if outward.message.id().is_none() {
            return Box::pin(async { Ok(Response::Accepted { headers }) });
        }
        self.tried.fetch_add(1, Ordering::SeqCst);
        let does = *self.does.lock().unwrap();
        Box::pin(async move {
            match does {
                Does::Nothing => std::future::pending().await,
                Does::CannotBeReached => Err(gone()),
                Does::Answers => Ok(Response::Json {
                    headers,
                    body: OPENED.into(),
                }),
            }
        })
    }

    fn get<'a>(&'a self, _: Option<&'a [u8]>, _: HeaderMap) -> Awaited<'a> {
        Box::pin(async { Err(gone()) })
    }

    fn delete(&self, _: HeaderMap) -> Awaited<'_> {
        Box::pin(async { Err(gone()) })
    }
}

impl Opens for Fake {
    fn open(&self, _: &Link, _: bool) -> Arc<dyn Reach> {
        unreachable!("it is open")
    }
}

/// One server of several, the server itself, and the time there.
fn member(does: Does) -> (Member, Arc<Fake>, Arc<ManualClock>) {
    let fake = Arc::new(Fake {
        does: Mutex::new(does),
        tried: AtomicUsize::new(0),
    });
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(0)));
    let (reach, made, time) = (fake.clone(), fake.clone(), clock.clone());
    let ways = BTreeMap::from([("files".to_owned(), made.clone() as Arc<dyn Opens>)]);
    let all = Arc::new(Ways::from_pointee(ways));
    let way = Way { made, all };
    (Member::new("files", reach, way, time), fake, clock)
}

async fn ready(member: &Member) -> bool {
    let opening = Message::parse(OPENING).unwrap();
    member.ready(Some(&opening), &HeaderMap::new()).await
}

/// The seconds after which it was tried again, by somebody who asks ten times a second for so long.
async fn pauses(member: &Member, fake: &Fake, clock: &ManualClock, for_s: i64) -> Vec<i64> {
    let (from, mut last) = (clock.now().as_millis(), None);
    let mut pauses = Vec::new();
    for at in (0..=for_s * 1000).step_by(100) {
        clock.set(Timestamp::from_millis(from + at));
        let before = fake.tried();
        assert!(!ready(member).await);
        if fake.tried() > before {
            pauses.extend(last.map(|last| (at - last) / 1000));
            last = Some(at);
        }
    }
    pauses
}

#[tokio::test]
async fn it_is_tried_after_a_second_then_two_and_at_last_once_a_minute() {
    let (member, fake, clock) = member(Does::CannotBeReached);
    let pauses = pauses(&member, &fake, &clock, 250).await;
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    assert_eq!(fake.tried(), 10);
}

#[tokio::test]
async fn once_it_was_reached_its_next_failure_is_its_first() {
    let (member, fake, clock) = member(Does::CannotBeReached);
    pauses(&member, &fake, &clock, 20).await;
    fake.does(Does::Answers);
    clock.set(clock.now().plus(Duration::from_secs(60)));
    assert!(ready(&member).await);
    let tried = fake.tried();
    assert!(ready(&member).await);
    assert_eq!(fake.tried(), tried, "its session is open");

    fake.does(Does::CannotBeReached);
    member.failed();
    let pauses = pauses(&member, &fake, &clock, 20).await;
    assert_eq!(pauses, [2, 4, 8]);
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_waited_for_once_and_left_alone_then() {
    let (member, fake, clock) = member(Does::Nothing);
    let since = tokio::time::Instant::now();
    assert!(!ready(&member).await);
    assert_eq!(since.elapsed(), PATIENCE);
    clock.set(Timestamp::from_millis(999));
    assert!(!ready(&member).await);
    assert_eq!((fake.tried(), since.elapsed()), (1, PATIENCE));
    clock.set(Timestamp::from_millis(1000));
    assert!(!ready(&member).await);
    assert_eq!((fake.tried(), since.elapsed()), (2, 2 * PATIENCE));
}

#[tokio::test]
async fn what_the_configuration_has_no_more_is_asked_nothing() {
    let (member, fake, _) = member(Does::Answers);
    let opening = Message::parse(OPENING).unwrap();
    let outward = || Outward {
        message: Message::parse(r#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#).unwrap(),
        headers: HeaderMap::new(),
        act: None,
    };
    assert!(member.ask(outward(), Some(&opening)).await.is_ok());
    let tried = fake.tried();
    member.way.all.store(Arc::default());
    assert!(member.ask(outward(), Some(&opening)).await.is_err());
    assert!(member.ask(outward(), None).await.is_err());
    assert!(member.listed(outward(), Some(&opening)).await.is_none());
    assert_eq!(fake.tried(), tried);
}
