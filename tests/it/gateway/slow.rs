//! Callers and servers that send, or read, a byte now and then: what they hold is bounded and ends, and
//! nobody else waits for them.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mcps_core::code::Code;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::server::{Says, Server, content, result, tool, usual};
use super::{Gate, over_http};
use crate::listen::caller::Caller;
use crate::wire::{PATIENCE, code_of, eventually};
use crate::world::bin;

/// Bytes of a large answer: more than the kernel takes for a caller who does not read, and less than a message may have.
const LARGE: usize = 3_900_000;
/// How often somebody slow does something.
const PAUSE: Duration = Duration::from_millis(200);

fn call(id: u32, name: &str) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": name, "arguments": {}}})
        .to_string()
}

fn head(gate: &Gate, length: usize) -> String {
    let host = address(gate);
    format!(
        "POST /mcp/files HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: large\r\nContent-Length: {length}\r\n\r\n"
    )
}

fn address(gate: &Gate) -> String {
    let address = gate.url.strip_prefix("http://").unwrap();
    address.strip_suffix("/mcp").unwrap().to_owned()
}

/// Sends `begin`, and then a byte now and then until the other end closes: what it said, and when.
async fn drips(mut socket: TcpStream, begin: String) -> (String, Duration) {
    let since = Instant::now();
    socket.write_all(begin.as_bytes()).await.unwrap();
    let (mut read, mut write) = socket.split();
    let mut told = Vec::new();
    let dripping = async {
        while write.write_all(b"x").await.is_ok() {
            sleep(PAUSE).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = dripping => {}
        _ = read.read_to_end(&mut told) => {}
        () = sleep(PATIENCE) => panic!("it is still open"),
    }
    (String::from_utf8_lossy(&told).into_owned(), since.elapsed())
}

/// Asks for a large answer and reads a byte of it now and then for a while: how much there is in the end.
async fn sips(address: String, asks: String) -> usize {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut socket = socket.connect(address.parse().unwrap()).await.unwrap();
    socket.write_all(asks.as_bytes()).await.unwrap();
    let (since, mut byte, mut count) = (Instant::now(), [0], 0);
    while since.elapsed() < Duration::from_secs(45) && socket.read(&mut byte).await.is_ok() {
        count += 1;
        sleep(PAUSE).await;
    }
    let mut rest = Vec::new();
    let read = timeout(PATIENCE, socket.read_to_end(&mut rest)).await;
    drop(read.expect("it is still open"));
    count + rest.len()
}

/// The memory of the gateway, in megabytes.
fn memory(gate: &Gate) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", gate.process.id())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kilobytes: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes / 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_callers_are_parted_from_and_others_do_not_wait_for_them() {
    let server = Server::saying(|asked| match asked["method"].as_str() {
        Some("tools/list") => result(asked, json!({"tools": [tool("look"), tool("large")]})),
        Some("tools/call") if asked["params"]["name"] == "large" => {
            content(asked, &"a".repeat(LARGE))
        }
        Some("tools/call") => content(asked, "seen"),
        _ => usual(asked),
    })
    .await;
    let config = format!(
        "[tenant.default]\nanonymous = true\n{}",
        over_http("files", &server)
    );
    let gate = Gate::open(&config).await;
    let mut caller = gate.caller("files");
    caller.open_session().await;
    assert!(caller.ask(&call(1, "look")).await[0].contains("seen"));

    let address = address(&gate);
    let mut heads = JoinSet::new();
    let mut bodies = JoinSet::new();
    let mut readers = JoinSet::new();
    for _ in 0..50 {
        let begin = "POST /mcp/files HTTP/1.1\r\nHost: localhost\r\nX: ".to_owned();
        heads.spawn(drips(TcpStream::connect(&address).await.unwrap(), begin));
        let socket = TcpStream::connect(&address).await.unwrap();
        bodies.spawn(drips(socket, head(&gate, 1_000_000) + "{"));
    }
    let asks = crate::listen::modern(5, "tools/call", r#""name":"large","arguments":{},"#);
    for _ in 0..6 {
        readers.spawn(sips(address.clone(), head(&gate, asks.len()) + &asks));
    }
    let (mut id, mut most) = (2, 0);
    // All of them while each slow request is being sent.
    for _ in 0..20 {
        id += 1;
        assert!(caller.ask(&call(id, "look")).await[0].contains("seen"));
    }
    assert!(bodies.try_join_next().is_none(), "others wait");
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(20) {
        id += 1;
        assert!(caller.ask(&call(id, "look")).await[0].contains("seen"));
        most = most.max(memory(&gate));
        sleep(Duration::from_millis(50)).await;
    }
    assert!(most < 200, "{most} MB");
    while let Some(ended) = heads.join_next().await {
        let (told, _) = ended.unwrap();
        assert_eq!(told, "", "nobody answers half a request");
    }
    while let Some(ended) = bodies.join_next().await {
        let (told, after) = ended.unwrap();
        assert!(told.starts_with("HTTP/1.1 408 "), "{told}");
        assert!(after > Duration::from_secs(20), "{after:?}");
    }
    while let Some(read) = readers.join_next().await {
        let read = read.unwrap();
        assert!(read > 0 && read < LARGE, "it was left all of it: {read}");
    }
    assert!(caller.ask(&call(9999, "look")).await[0].contains("seen"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_floods_a_caller_who_does_not_read_has_to_wait() {
    let poured = Arc::<AtomicUsize>::default();
    let pours = Arc::clone(&poured);
    let server = Server::saying(move |asked| match asked["method"].as_str() {
        Some("tools/list") => result(asked, json!({"tools": [tool("look"), tool("large")]})),
        Some("tools/call") if asked["params"]["name"] == "large" => {
            let word = json!({"jsonrpc": "2.0", "method": "notifications/message",
                "params": {"level": "info", "data": "a".repeat(32 * 1024)}});
            let event = format!("data: {word}\n\n");
            Says::Pours(
                "text/event-stream",
                event.clone(),
                event,
                Arc::clone(&pours),
            )
        }
        Some("tools/call") => content(asked, "seen"),
        _ => usual(asked),
    })
    .await;
    let config = format!(
        "[tenant.default]\nanonymous = true\n{}",
        over_http("files", &server)
    );
    let gate = Gate::open(&config).await;
    let mut caller = gate.caller("files");
    caller.open_session().await;
    assert!(caller.ask(&call(1, "look")).await[0].contains("seen"));

    let before = memory(&gate);
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut deaf = socket
        .connect(address(&gate).parse().unwrap())
        .await
        .unwrap();
    let asks = crate::listen::modern(5, "tools/call", r#""name":"large","arguments":{},"#);
    let asks = head(&gate, asks.len()) + &asks;
    deaf.write_all(asks.as_bytes()).await.unwrap();
    let (mut last, mut same) = (0, 0);
    eventually("it waits", async || {
        let now = poured.load(Ordering::SeqCst);
        same = if now == last && now > 0 { same + 1 } else { 0 };
        last = now;
        (same == 100).then_some(())
    })
    .await;
    // What the kernel keeps on two connections, and what waits in the gateway.
    assert!(last < 32_000_000, "{last} bytes left");
    let grown = memory(&gate).saturating_sub(before);
    assert!(grown < 48, "{grown} MB more");
    assert!(caller.ask(&call(2, "look")).await[0].contains("seen"));
}

#[tokio::test]
async fn a_server_that_drips_its_answer_is_given_up_when_its_time_is_over() {
    let drip = |asked: &Value| {
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":{},"result":{{"x":"{}"}}}}"#,
            asked["id"],
            "a".repeat(4000)
        );
        match asked["params"]["name"].as_str() {
            Some("stream") => format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\ndata: {text}"
            ),
            _ => format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}",
                text.len()
            ),
        }
    };
    let server = Server::saying(move |asked| match asked["method"].as_str() {
        Some("tools/list") => result(
            asked,
            json!({"tools": [tool("document"), tool("stream"), tool("look")]}),
        ),
        Some("tools/call") if asked["params"]["name"] == "look" => content(asked, "seen"),
        Some("tools/call") => Says::Drips(drip(asked)),
        _ => usual(asked),
    })
    .await;
    let program = bin("test-server").display().to_string();
    let config = format!(
        "[tenant.default]\n{}answer_s = 20\n[[server]]\nname = \"test\"\nanswer_s = 20\ncommand = [{program:?}]\n",
        over_http("files", &server)
    );
    let gate = Gate::open(&config).await;
    let open = async |path: Option<&str>| {
        let url = path.map_or(gate.url.clone(), |path| gate.at(path));
        let mut caller = Caller::of(&gate.stage.agent, &url);
        caller.open_session().await;
        caller
    };
    let since = Instant::now();
    let mut slow = Vec::new();
    for (path, name) in [
        (Some("files"), "document"),
        (Some("files"), "stream"),
        (Some("test"), "drip"),
        (None, "files__document"),
        (None, "files__stream"),
        (None, "test__drip"),
    ] {
        let caller = open(path).await;
        caller
            .ask(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#)
            .await;
        slow.push((caller, name));
    }
    let asking = slow.iter().map(async |(caller, name)| {
        let told = caller.ask(&call(2, name)).await;
        (name, told, Instant::now())
    });
    let asking = futures_util::future::join_all(asking);
    let other = open(Some("files")).await;
    let meanwhile = async {
        for id in 2..12 {
            assert!(other.ask(&call(id, "look")).await[0].contains("seen"));
        }
        Instant::now()
    };
    let told = timeout(PATIENCE, async { tokio::join!(asking, meanwhile) });
    let (told, seen) = told.await.expect("somebody waits still");
    for (name, told, ended) in told {
        assert!(seen < ended, "others wait for {name}");
        let code = code_of(told.last().unwrap());
        assert_eq!(code, Some(Code::UpstreamUnavailable), "{name}: {told:?}");
    }
    assert!(since.elapsed() > Duration::from_secs(19));
}
