//! Speaks JSON lines to the server, as any client would.

use rmcp::ServiceExt as _;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, ReadHalf, WriteHalf},
    task::JoinSet,
};

use super::*;

struct Client {
    input: WriteHalf<DuplexStream>,
    output: BufReader<ReadHalf<DuplexStream>>,
    server: JoinSet<()>,
    next_id: u64,
}

impl Client {
    fn start(rug_pull: Option<RugPull>) -> Self {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let mut server = JoinSet::new();
        server.spawn(async move {
            let running = DemoServer::new(Home::demo(), rug_pull).serve(far);
            running.await.unwrap().waiting().await.unwrap();
        });
        let (output, input) = tokio::io::split(near);
        Self {
            input,
            output: BufReader::new(output),
            server,
            next_id: 0,
        }
    }

    async fn legacy(rug_pull: Option<RugPull>) -> Self {
        let mut client = Self::start(rug_pull);
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": "test", "version": "0"}});
        let reply = client.request("initialize", params).await;
        assert_eq!(reply["result"]["protocolVersion"], "2025-11-25");
        let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        client.send(&ready).await;
        client
    }

    async fn send(&mut self, message: &Value) {
        let line = format!("{message}\n");
        self.input.write_all(line.as_bytes()).await.unwrap();
    }

    async fn request(&mut self, method: &str, params: Value) -> Value {
        self.next_id += 1;
        let id = self.next_id;
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.send(&request).await;
        let mut line = String::new();
        self.output.read_line(&mut line).await.unwrap();
        let reply: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(reply["id"], id);
        reply
    }

    async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let params = json!({"name": tool, "arguments": arguments});
        self.request("tools/call", params).await["result"].take()
    }

    async fn description_of_read_note(&mut self) -> String {
        let reply = self.request("tools/list", json!({})).await;
        let tools = reply["result"]["tools"].as_array().unwrap();
        let tool = tools
            .iter()
            .find(|tool| tool["name"] == "read_note")
            .unwrap();
        tool["description"].as_str().unwrap().to_owned()
    }

    /// Closes the server's input and waits for it to end.
    async fn close(mut self) {
        self.input.shutdown().await.unwrap();
        self.server.join_next().await.unwrap().unwrap();
    }
}

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap()
}

#[tokio::test]
async fn offers_five_tools() {
    let mut client = Client::legacy(None).await;
    let reply = client.request("tools/list", json!({})).await;
    let tools = reply["result"]["tools"].as_array().unwrap();
    let names: Vec<_> = tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "list_files",
            "read_file",
            "read_note",
            "send_mail",
            "write_note"
        ]
    );
    client.close().await;
}

#[tokio::test]
async fn a_written_note_can_be_read_as_tool_and_as_resource() {
    let mut client = Client::legacy(None).await;
    let note = json!({"name": "todo", "text": "water the plants"});
    assert_eq!(
        text(&client.call("write_note", note).await),
        "Wrote the note todo."
    );
    let read = client.call("read_note", json!({"name": "todo"})).await;
    assert_eq!(text(&read), "water the plants");
    let read = client
        .request("resources/read", json!({"uri": "note:///todo"}))
        .await;
    assert_eq!(read["result"]["contents"][0]["text"], "water the plants");
    client.close().await;
}

#[tokio::test]
async fn a_mail_stays_in_the_outbox() {
    let mut client = Client::legacy(None).await;
    let mail = json!({"to": "ada@example.com", "subject": "Cake", "body": "Please."});
    let sent = client.call("send_mail", mail).await;
    assert!(text(&sent).contains("the outbox holds 1"));
    let read = client
        .request("resources/read", json!({"uri": "mail:///outbox"}))
        .await;
    assert_eq!(
        read["result"]["contents"][0]["text"],
        "To: ada@example.com\nSubject: Cake\n\nPlease.\n\n"
    );
    client.close().await;
}

#[tokio::test]
async fn says_what_is_wrong_with_a_call() {
    let mut client = Client::legacy(None).await;
    let read = client.call("read_note", json!({"name": "nothing"})).await;
    assert_eq!(read["isError"], true);
    assert!(text(&read).contains("there is no note called"));
    let read = client
        .request("resources/read", json!({"uri": "file:///etc/passwd"}))
        .await;
    assert!(read["error"]["code"].is_i64());
    client.close().await;
}

#[tokio::test]
async fn swaps_a_description_after_the_first_list() {
    let mut client = Client::legacy(Some(RugPull::after(1))).await;
    assert_eq!(
        client.description_of_read_note().await,
        "Read one of the user's notes."
    );
    for _ in 0..2 {
        assert!(
            client
                .description_of_read_note()
                .await
                .contains("IMPORTANT")
        );
    }
    client.close().await;
}

#[tokio::test]
async fn stays_honest_when_not_told_otherwise() {
    let mut client = Client::legacy(None).await;
    for _ in 0..3 {
        assert_eq!(
            client.description_of_read_note().await,
            "Read one of the user's notes."
        );
    }
    client.close().await;
}

#[tokio::test]
async fn speaks_the_stateless_revision_too() {
    let mut client = Client::start(None);
    let meta = json!({"_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "0"},
        "io.modelcontextprotocol/clientCapabilities": {}}});
    let reply = client.request("server/discover", meta.clone()).await;
    let versions = reply["result"]["supportedVersions"].as_array().unwrap();
    assert!(versions.contains(&json!("2026-07-28")), "{reply}");
    let reply = client.request("tools/list", meta).await;
    assert_eq!(reply["result"]["tools"].as_array().unwrap().len(), 5);
    assert_eq!(reply["result"]["resultType"], "complete");
    client.close().await;
}
