use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Mutex;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

/// Answers in turn, and with the last answer from then on.
#[derive(Debug)]
struct Scripted(Mutex<VecDeque<Vec<IpAddr>>>);

impl Scripted {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().map(|text| text.parse().unwrap()).collect();
        Arc::new(Self(Mutex::new(answers.iter().map(parse).collect())))
    }
}

impl Resolve for Scripted {
    fn resolve<'a>(
        &'a self,
        _: &'a str,
        port: u16,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>> {
        let mut answers = self.0.lock().unwrap();
        let answer = match answers.len() {
            1 => answers[0].clone(),
            _ => answers.pop_front().unwrap(),
        };
        let found = answer.into_iter().map(|ip| SocketAddr::new(ip, port));
        let found = found.collect();
        Box::pin(async move { Ok(found) })
    }
}

/// Answers everything with one text, and counts who comes.
async fn server(answer: String) -> (u16, Arc<Mutex<usize>>, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::new(Mutex::new(0));
    let count = Arc::clone(&heard);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            *count.lock().unwrap() += 1;
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (port, heard, tasks)
}

fn post(url: &str) -> Post<'_> {
    Post {
        url,
        content_type: "application/json",
        headers: &[],
        body: "{}",
    }
}

#[tokio::test]
async fn no_way_of_writing_an_address_leads_into_a_private_network() {
    let outbound = Outbound::new(false);
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "0.0.0.0",
        "0",
        "10.0.0.1",
        "169.254.169.254",
        "2852039166",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::1]",
        "[fd00::1]",
        "[fe80::1]",
        "localhost",
        "user@127.0.0.1",
        "example.com@127.0.0.1",
    ] {
        let url = format!("https://{host}/hook");
        let checked = outbound.check(&url).await;
        assert!(
            matches!(checked, Err(OutboundError::NotPublic)),
            "{host}: {checked:?}"
        );
        let got = outbound.get(&url, 10).await;
        assert!(
            matches!(got, Err(OutboundError::NotPublic)),
            "{host}: {got:?}"
        );
        let posted = outbound.post(post(&url)).await;
        assert!(
            matches!(posted, Err(OutboundError::NotPublic)),
            "{host}: {posted:?}"
        );
    }
    for url in ["http://example.com/", "gopher://example.com/"] {
        let checked = outbound.check(url).await;
        assert!(
            matches!(checked, Err(OutboundError::Insecure)),
            "{url}: {checked:?}"
        );
    }
    let checked = outbound.check("file:///etc/passwd").await;
    assert!(
        matches!(checked, Err(OutboundError::Address)),
        "{checked:?}"
    );
}

#[tokio::test]
async fn a_name_with_one_private_address_is_not_gone_to() {
    let outbound = Outbound::with(false, Scripted::new(&[&["1.1.1.1", "127.0.0.1"]]));
    let posted = outbound.post(post("https://both.example/")).await;
    assert!(
        matches!(posted, Err(OutboundError::NotPublic)),
        "{posted:?}"
    );
}

#[tokio::test]
async fn a_resolver_that_changes_its_answer_leads_nowhere() {
    let (port, heard, _tasks) = server("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".into()).await;
    let url = format!("https://rebound.example:{port}/");
    // Public while it is looked at, private when it is gone to.
    let outbound = Outbound::with(false, Scripted::new(&[&["1.1.1.1"], &["127.0.0.1"]]));
    outbound.check(&url).await.unwrap();
    let posted = outbound.post(post(&url)).await;
    assert!(
        matches!(posted, Err(OutboundError::NotPublic)),
        "{posted:?}"
    );
    let got = outbound.get(&url, 10).await;
    assert!(matches!(got, Err(OutboundError::NotPublic)), "{got:?}");
    assert_eq!(*heard.lock().unwrap(), 0);
}

#[tokio::test]
async fn a_name_is_resolved_once_and_gone_to_where_it_led() {
    let (port, heard, _tasks) = server("HTTP/1.1 204 No Content\r\n\r\n".into()).await;
    // A second question would lead to nobody.
    let resolver = Scripted::new(&[&["127.0.0.1"], &[]]);
    let outbound = Outbound::with(true, resolver);
    let url = format!("http://once.example:{port}/");
    assert_eq!(
        outbound.post(post(&url)).await.unwrap(),
        StatusCode::NO_CONTENT
    );
    assert_eq!(*heard.lock().unwrap(), 1);
    let again = outbound.post(post(&url)).await;
    assert!(matches!(again, Err(OutboundError::Unresolved)), "{again:?}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (inner, heard, _inside) = server("HTTP/1.1 200 OK\r\n\r\n".into()).await;
    let moved = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:{inner}/\r\ncontent-length: 0\r\n\r\n"
    );
    let (port, _, _outside) = server(moved).await;
    let outbound = Outbound::new(true);
    let url = format!("http://127.0.0.1:{port}/");
    let status = outbound.post(post(&url)).await.unwrap();
    assert_eq!(status, StatusCode::TEMPORARY_REDIRECT);
    let got = outbound.get(&url, 10).await;
    assert!(matches!(got, Err(OutboundError::Status(_))), "{got:?}");
    assert_eq!(*heard.lock().unwrap(), 0);
}

#[tokio::test]
async fn what_is_answered_is_read_within_bounds_of_size_and_time() {
    let answer = "HTTP/1.1 400 Bad Request\r\ncontent-length: 5\r\n\r\nwrong";
    let (port, _, _tasks) = server(answer.into()).await;
    let outbound = Outbound::new(true);
    let url = format!("http://127.0.0.1:{port}/");
    let answered = outbound.exchange(post(&url), 5, TIME).await.unwrap();
    assert_eq!(answered.status(), StatusCode::BAD_REQUEST);
    assert_eq!(answered.body(), b"wrong");
    let long = outbound.exchange(post(&url), 4, TIME).await;
    assert!(matches!(long, Err(OutboundError::Body(4))), "{long:?}");
    // Nobody answers at all.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let time = Duration::from_millis(50);
    let slow = outbound.exchange(post(&url), 5, time).await;
    assert!(matches!(slow, Err(OutboundError::TimedOut)), "{slow:?}");
}
