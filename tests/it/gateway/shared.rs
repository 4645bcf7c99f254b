//! Two gateways in front of the same servers, which remember together: whichever of them is asked, it
//! is as if there were one. What they cannot look up they refuse.

mod anew;
mod apart;
mod opened;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mcps_core::code::Code;
use mcps_core::message::Message;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::redis::Redis;
use super::server::Server;
use super::{Gate, at_most_five, call_with, over_http, read_key, send_mail};
use crate::listen::caller::Caller;
use crate::listen::modern;
use crate::wire::{INITIALIZE, Process, Stage, code_of, eventually};

fn read(id: u32) -> String {
    read_key(id, "files__read_file")
}

fn send(id: u32) -> String {
    send_mail(id, "mail__send_mail")
}

fn look(id: u32) -> String {
    call_with(id, "files__look", &json!({}))
}

/// A second gateway, reached under the name of the first too.
struct Other {
    process: Process,
    url: String,
    home: PathBuf,
}

impl Other {
    async fn beside(gate: &Gate, name: &str) -> Self {
        let home = gate.stage.world.enrol("gateway", name, 2);
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/mcp", free.local_addr().unwrap());
        drop(free);
        let process = Self::start(gate, &home, &url).await;
        Self { process, url, home }
    }

    async fn start(gate: &Gate, home: &Path, url: &str) -> Process {
        let dir = gate.stage.world.dir();
        let at = url.trim_start_matches("http://").trim_end_matches("/mcp");
        let mut program = gate.stage.world.program("mcps-gateway");
        program.arg("--home").arg(home).arg("serve");
        program.arg("--config").arg(dir.join("gateway.toml"));
        program.arg("--record").arg(home.with_extension("records"));
        program.args(["--public-url", &gate.url, "--listen", at]);
        program.args(["--status-refresh", "0"]);
        let mut process = Process::start(&gate.stage.world, program);
        process.read().await;
        process
    }

    async fn restart(&mut self, gate: &Gate) {
        self.process.kill().await;
        self.process = Self::start(gate, &self.home, &self.url).await;
    }
}

/// Files and mail behind two gateways that share a Redis.
struct Office {
    redis: Redis,
    files: Server,
    mail: Server,
    gate: Gate,
    other: Other,
}

impl Office {
    async fn open(redis: Redis) -> Self {
        let files = Server::with(&["read_file", "look"]).await;
        let mail = Server::with(&["send_mail"]).await;
        let stage = Stage::set();
        let dir = stage.world.dir();
        fs::write(dir.join("count.toml"), at_most_five("principal")).unwrap();
        let config = format!(
            "{}[tenant.default]\npolicy = [\"count.toml\"]\n[tenant.open]\nanonymous = true\n{}[server.tool.read_file]\nclass = [\"read\"]\n{}[server.tool.send_mail]\nclass = [\"send\"]\n",
            redis.table(dir),
            over_http("files", &files),
            over_http("mail", &mail)
        );
        let gate = Gate::open_on(stage, &config).await;
        let other = Other::beside(&gate, "gateway-2").await;
        Self {
            redis,
            files,
            mail,
            gate,
            other,
        }
    }

    /// The agent at one gateway and at the other, each in a session.
    async fn callers(&self) -> [Caller; 2] {
        let urls = [&self.gate.url, &self.other.url];
        let mut callers = urls.map(|url| Caller::of(&self.gate.stage.agent, url));
        for caller in &mut callers {
            caller.open_session().await;
        }
        callers
    }

    /// The agent at one gateway and at the other in the era without sessions, about to call that tool.
    fn alone(&self, tool: &str) -> [Caller; 2] {
        let urls = [&self.gate.url, &self.other.url];
        urls.map(|url| {
            let mut caller = Caller::of(&self.gate.stage.agent, url);
            caller.headers = self.gate.stateless("files", tool).headers;
            caller
        })
    }

    /// A signed call that either gateway may take.
    fn signed(caller: &Caller, id: u32) -> String {
        let params = r#""name":"files__read_file","arguments":{"path":"/notes"},"#;
        let call = Message::parse(modern(id, "tools/call", params)).unwrap();
        caller.link.seal_post(call, None).unwrap().0
    }

    /// What reached the servers.
    fn reached(&self) -> usize {
        let methods = ["initialize", "tools/call"];
        let servers = [&self.files, &self.mail].into_iter();
        let each = servers.flat_map(|server| methods.map(|method| server.seen(method).len()));
        each.sum()
    }

    fn is_untouched(&self) -> bool {
        self.files.is_untouched() && self.mail.is_untouched()
    }
}

/// Posts to a gateway without a signature.
async fn plain(url: &str, text: &str) -> String {
    let posted = reqwest::Client::builder()
        .build()
        .unwrap()
        .post(url)
        .body(text.to_owned());
    let posted = posted
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream");
    posted.send().await.unwrap().text().await.unwrap()
}

/// Posts the first message of a session that nobody had before: the status, and why it is refused if it is.
async fn begin(office: &Office, url: &str) -> (StatusCode, Option<Code>) {
    post(&Caller::of(&office.gate.stage.agent, url), INITIALIZE).await
}

/// Posts a message: the status, and why it is refused if it is.
/// Who is refused for what Redis does not say cannot be told for certain, so the answer is bound to nothing.
async fn post(caller: &Caller, text: &str) -> (StatusCode, Option<Code>) {
    let (text, _) = caller
        .link
        .seal_post(Message::parse(text).unwrap(), None)
        .unwrap();
    let posted = caller.post(text).await;
    let status = posted.status();
    (status, code_of(&posted.text().await.unwrap()))
}

/// Sends mail without a signature, in the era without sessions.
async fn plain_send(url: &str) -> String {
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {}});
    let mut sent: Value = serde_json::from_str(&send(1)).unwrap();
    sent["params"]["_meta"] = meta;
    let posted = reqwest::Client::builder()
        .build()
        .unwrap()
        .post(url)
        .body(sent.to_string());
    let posted = posted
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", "mail__send_mail");
    posted.send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn a_message_is_good_at_one_of_two_gateways_and_once() {
    let office = Office::open(Redis::forgetful()).await;
    let [one, other] = office.alone("files__read_file");
    let text = Office::signed(&one, 1);
    assert_eq!(one.post(text.clone()).await.status(), StatusCode::OK);
    let reached = office.reached();
    let replayed = other.post(text.clone()).await;
    assert_eq!(replayed.status(), StatusCode::CONFLICT);
    let said = replayed.text().await.unwrap();
    assert_eq!(code_of(&said), Some(Code::Replayed), "{said}");
    let replayed = one.post(text).await.text().await.unwrap();
    assert_eq!(code_of(&replayed), Some(Code::Replayed), "{replayed}");
    assert_eq!(office.files.seen("tools/call").len(), 1);
    assert_eq!(office.reached(), reached);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_message_that_comes_to_both_gateways_at_once_is_good_at_one_of_them() {
    let office = Office::open(Redis::forgetful()).await;
    let callers = office.alone("files__read_file");
    for id in 0..12 {
        let text = Office::signed(&callers[0], id);
        let posted = callers.each_ref().map(|caller| caller.post(text.clone()));
        let mut told = futures_util::future::join_all(posted)
            .await
            .into_iter()
            .map(|told| told.status().as_u16())
            .collect::<Vec<_>>();
        told.sort_unstable();
        assert_eq!(told, [200, 409]);
    }
    assert_eq!(office.files.seen("tools/call").len(), 12);
}

fn urls(office: &Office) -> [&String; 2] {
    [&office.gate.url, &office.other.url]
}

#[tokio::test]
async fn a_restart_of_a_gateway_makes_no_message_good_again_and_takes_new_ones_at_once() {
    let mut office = Office::open(Redis::forgetful()).await;
    let one = Caller::of(&office.gate.stage.agent, &office.gate.url);
    let (text, _) = one
        .link
        .seal_post(Message::parse(INITIALIZE).unwrap(), None)
        .unwrap();
    assert_eq!(one.post(text.clone()).await.status(), StatusCode::OK);
    office.other.restart(&office.gate).await;
    let reached = office.reached();
    let other = Caller::of(&office.gate.stage.agent, &office.other.url);
    let said = other.post(text).await.text().await.unwrap();
    assert_eq!(code_of(&said), Some(Code::Replayed), "{said}");
    assert_eq!(office.reached(), reached);
    let begun = begin(&office, &office.other.url).await;
    assert_eq!(begun, (StatusCode::OK, None), "nothing is to be waited for");
}

#[tokio::test]
async fn what_was_read_through_one_is_not_sent_through_the_other() {
    let office = Office::open(Redis::forgetful()).await;
    let [one, other] = office.callers().await;
    let told = other.ask(&send(1)).await;
    assert!(told[0].contains("send_mail("), "{told:?}");
    let told = one.ask(&read(2)).await;
    assert!(told[0].contains("read_file("), "{told:?}");
    for caller in [&other, &one] {
        let told = caller.ask(&send(3)).await;
        assert_eq!(code_of(&told[0]), Some(Code::Denied), "{told:?}");
    }
    assert_eq!(office.mail.seen("tools/call").len(), 1);
    let values = office.redis.say("KEYS *");
    assert!(
        !values.contains("acme") && values.contains("mcps:h:"),
        "{values}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_calls_that_are_released_at_once_at_both_not_one_slips_past_a_count() {
    let office = Office::open(Redis::forgetful()).await;
    let callers = office.callers().await.map(Arc::new);
    for caller in &callers {
        // Its tools are listed once before.
        let told = caller.ask(&look(99)).await;
        assert!(told[0].contains("look("), "{told:?}");
    }
    let barrier = Arc::new(Barrier::new(24));
    let mut calls = JoinSet::new();
    for id in 0..24_u32 {
        let caller = Arc::clone(&callers[(id % 2) as usize]);
        let barrier = Arc::clone(&barrier);
        calls.spawn(async move {
            barrier.wait().await;
            caller.ask(&look(id)).await.remove(0)
        });
    }
    let told = calls.join_all().await;
    let passed = told.iter().filter(|told| told.contains("look(")).count();
    assert_eq!((passed, office.files.seen("tools/call").len()), (3, 5));
    let denied = told
        .iter()
        .filter(|told| code_of(told) == Some(Code::Denied));
    assert_eq!(denied.count(), 21, "{told:?}");
}

#[tokio::test]
async fn without_redis_everything_is_refused_and_no_server_hears_of_it_until_it_is_back() {
    let mut office = Office::open(Redis::durable()).await;
    office.redis.stop();
    for url in urls(&office) {
        let refused = begin(&office, url).await;
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        assert_eq!(refused, (unavailable, Some(Code::SharedStateUnavailable)));
    }
    let said = plain(&office.gate.at("files"), INITIALIZE).await;
    assert_eq!(code_of(&said), Some(Code::SharedStateUnavailable), "{said}");
    assert!(office.is_untouched());
    let words = office.gate.process.words();
    assert!(words.contains("the shared state cannot be had"), "{words}");
    assert!(
        !words.contains(&office.redis.password),
        "the password is in the log"
    );

    office.redis.start();
    eventually("messages are taken again", async || {
        let (_, code) = begin(&office, &office.gate.url).await;
        code.is_none().then_some(())
    })
    .await;
}

#[tokio::test]
async fn sessions_go_on_when_redis_is_back_and_what_was_read_before_is_known() {
    let mut office = Office::open(Redis::durable()).await;
    let callers = office.callers().await;
    let [one, other] = &callers;
    assert!(one.ask(&read(1)).await[0].contains("read_file("));
    assert!(other.ask(&look(2)).await[0].contains("look("));
    let reached = office.files.seen("tools/call").len();
    office.redis.stop();
    for caller in &callers {
        for text in [look(3), send(4)] {
            assert_eq!(
                post(caller, &text).await.1,
                Some(Code::SharedStateUnavailable)
            );
        }
    }
    assert_eq!(office.files.seen("tools/call").len(), reached);
    office.redis.start();
    for caller in &callers {
        let mut id = 10;
        eventually("its session goes on", async || {
            id += 1;
            post(caller, &look(id)).await.1.is_none().then_some(())
        })
        .await;
    }
    for caller in &callers {
        let told = caller.ask(&send(7)).await;
        assert_eq!(code_of(&told[0]), Some(Code::Denied), "{told:?}");
    }
    assert!(office.mail.seen("tools/call").is_empty());
}

#[tokio::test]
async fn what_redis_does_not_answer_in_time_is_refused() {
    let office = Office::open(Redis::forgetful()).await;
    office.redis.signal("STOP");
    let (status, code) = begin(&office, &office.gate.url).await;
    office.redis.signal("CONT");
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(code, Some(Code::SharedStateUnavailable));
    assert!(office.is_untouched());
    eventually("messages are taken again", async || {
        let (_, code) = begin(&office, &office.gate.url).await;
        code.is_none().then_some(())
    })
    .await;
}
