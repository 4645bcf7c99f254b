//! Clients and servers with odd manners, spoken to line by line: what passes, what is refused, and
//! that whoever waits is told.

use std::path::{Path as FilePath, PathBuf};

use serde_json::{Value, json};

use super::left_over;
use super::path::Path as Signed;
use super::session::{INITIALIZE, Session};
use crate::world::World;

/// Reads a line at a time; `$id` is its id and `$method` its method. Answers `initialize`; what
/// else it does is put in place of `BODY`.
const SERVER: &str = r#"
answer() { printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$1"; }
while IFS= read -r line; do
    [[ $line =~ \"id\"\ ?:\ ?([^,}\ ]*) ]] && id=${BASH_REMATCH[1]} || id=
    [[ $line =~ \"method\"\ ?:\ ?\"([^\"]*)\" ]] && method=${BASH_REMATCH[1]} || method=
    case $method in
    initialize) answer '{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}' ;;
    BODY
    ping) answer '{}' ;;
    esac
done
"#;

struct Stage {
    world: World,
    path: Signed,
}

impl Stage {
    fn set() -> Self {
        let world = World::start();
        let path = Signed::between(&world, "odd");
        Self { world, path }
    }

    fn dir(&self) -> &FilePath {
        self.world.dir()
    }

    /// A session with a server that does `body`.
    fn serve(&self, body: &str) -> Session {
        let server = self.script(body);
        Session::start(&self.path.command(&server), self.dir())
    }

    fn script(&self, body: &str) -> Vec<String> {
        let file: PathBuf = (0..)
            .map(|number| self.dir().join(format!("server-{number}.bash")))
            .find(|file| !file.exists())
            .unwrap();
        std::fs::write(&file, SERVER.replace("BODY", body)).unwrap();
        vec!["bash".to_owned(), file.display().to_string()]
    }

    fn end(self) {
        left_over::assert_none(self.dir());
    }
}

fn call(id: u32) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"t"}}}}"#)
}

#[track_caller]
fn assert_refused(answer: &Value, id: Value, code: &str) {
    assert_eq!(answer["id"], id, "{answer}");
    assert_eq!(answer["error"]["data"]["code"], code, "{answer}");
}

#[test]
fn an_answer_that_cannot_be_carried_fails_its_call_and_no_other() {
    let stage = Stage::set();
    for result in [
        r#"{"big":9007199254740993}"#,
        r#"{"twice":1,"twice":2}"#,
        r#"{"lone":"\ud800"}"#,
        r#"{"overflow":1e999}"#,
        r#"{"claimed":true,"_meta":{"dev.mcps/envelope":{}}}"#,
        "null",
    ] {
        let mut session = stage.serve(&format!("tools/call) answer '{result}' ;;"));
        session.initialize();
        assert_refused(&session.ask(&call(7)), json!(7), "MCPS-020");
        let pong = session.ask(r#"{"jsonrpc":"2.0","id":8,"method":"ping"}"#);
        assert_eq!(
            pong,
            json!({ "jsonrpc": "2.0", "id": 8, "result": {} }),
            "after {result}"
        );
        session.close();
    }
    stage.end();
}

#[test]
fn an_answer_that_is_too_long_fails_its_call() {
    let stage = Stage::set();
    for bytes in [4 * 1024 * 1024, 6 * 1024 * 1024] {
        let body = format!(
            r#"tools/call) printf '{{"jsonrpc":"2.0","id":%s,"result":{{"x":"' "$id"; head -c {bytes} /dev/zero | tr '\0' x; printf '"}}}}\n' ;;"#
        );
        let mut session = stage.serve(&body);
        session.initialize();
        let answer = session.ask(&call(7));
        assert_eq!(answer["id"], 7, "{answer}");
        assert!(answer["error"]["data"]["code"].is_string(), "{answer}");
        let pong = session.ask(r#"{"jsonrpc":"2.0","id":8,"method":"ping"}"#);
        assert_eq!(pong["result"], json!({}), "{pong}");
        session.close();
    }
    stage.end();
}

#[test]
fn what_a_server_prints_besides_messages_is_dropped() {
    let stage = Stage::set();
    let body = r#"tools/call)
        echo 'Server listening'
        echo '{"level":30,"id":'$id',"msg":"about to answer"}'
        echo '[{"jsonrpc":"2.0","id":'$id',"result":{}}]'
        echo '"id"'
        echo
        answer '{"content":[]}' ;;"#;
    let mut session = stage.serve(body);
    session.initialize();
    let answer = session.ask(&call(7));
    assert_eq!(answer["result"], json!({ "content": [] }), "{answer}");
    session.close();
    stage.end();
}

#[test]
fn a_request_that_cannot_be_carried_is_refused_by_its_id() {
    let stage = Stage::set();
    let mut session = stage.serve("tools/call) answer '{}' ;;");
    session.initialize();
    let large = "x".repeat(4 * 1024 * 1024);
    for (id, arguments) in [
        (json!(1), r#"{"big":9007199254740993}"#),
        (json!("two"), r#"{"twice":1,"twice":2}"#),
        (json!(3), r#"{"lone":"\ud800"}"#),
        (json!(4), &format!(r#"{{"large":"{large}"}}"#)),
    ] {
        let request = format!(
            r#"{{"jsonrpc":"2.0","method":"tools/call","params":{{"name":"t","arguments":{arguments}}},"id":{id}}}"#
        );
        assert_refused(&session.ask(&request), id, "MCPS-020");
    }
    // A batch, which MCP has no more, and a line that says nothing.
    for line in [r#"[{"jsonrpc":"2.0","id":5,"method":"ping"}]"#, "hello"] {
        assert_refused(&session.ask(line), Value::Null, "MCPS-020");
    }
    assert_eq!(session.ask(&call(6))["result"], json!({}));
    session.close();
    stage.end();
}

#[test]
fn messages_arrive_byte_by_byte_as_they_were_written() {
    let stage = Stage::set();
    let echo = r#"*) printf '%s\n' "$line" >>"$0.read"; [ -z "$id" ] || answer '{ "n" : 1.0e2, "s":"\u00e9é\/", "z":[ ] }' ;;"#;
    let mut session = stage.serve(echo);
    session.initialize();
    let lines = [
        r#"{ "jsonrpc" : "2.0" , "id" : 1 , "method":"odd/method" }"#,
        r#"{"method":"odd/method","jsonrpc":"2.0","params":{},"id":2}"#,
        r#"{"jsonrpc":"2.0","id":3,"method":"odd/method","params":{"_meta":{}}}"#,
        r#"{"jsonrpc":"2.0","id":4,"method":"odd/method","params":{"_meta":{"traceparent":"00-a-b-01"},"é":"\u00e9\/","n":-0.0,"e":1E400e"}}"#,
        r#"{"jsonrpc":"2.0","id":5,"method":"odd/method","params":{"n":[1.0,1e2,-0,0.10],"unknown":{"deep":[[]]}},"extra":true}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/odd"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/odd","params":{"_meta":{"progressToken":1}}}"#,
    ];
    let lines: Vec<&str> = lines
        .into_iter()
        .filter(|line| !line.contains("1E400"))
        .collect();
    for line in &lines {
        session.write(line);
        if line.contains("\"id\"") {
            let answer = session.line();
            assert!(
                answer.ends_with(r#","result":{ "n" : 1.0e2, "s":"\u00e9é\/", "z":[ ] }}"#),
                "{answer}"
            );
        }
    }
    session.ask(r#"{"jsonrpc":"2.0","id":9,"method":"odd/last"}"#);
    session.close();
    let read = std::fs::read_to_string(stage.dir().join("server-0.bash.read")).unwrap();
    let read: Vec<&str> = read.lines().collect();
    assert_eq!(
        read[0],
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#
    );
    assert_eq!(read[1..=lines.len()], lines);
    stage.end();
}

#[test]
fn empty_results_and_errors_keep_their_shape() {
    let stage = Stage::set();
    let body = r#"
    logging/setLevel) answer '{}' ;;
    error/bare) printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-1,"message":"m"}}\n' "$id" ;;
    error/null) printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-1,"message":"m","data":null}}\n' "$id" ;;
    error/text) printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-1,"message":"m","data":"d"}}\n' "$id" ;;
    error/object) printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-1,"message":"m","data":{"value":1}}}\n' "$id" ;;
    error/empty) printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-1,"message":"m","data":{}}}\n' "$id" ;;"#;
    let mut session = stage.serve(body);
    session.initialize();
    let mut id = 0;
    let mut ask = |method: &str| {
        id += 1;
        session.ask(&format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}"}}"#
        ))
    };
    assert_eq!(ask("ping")["result"], json!({}));
    assert_eq!(ask("logging/setLevel")["result"], json!({}));
    let bare = json!({ "code": -1, "message": "m" });
    assert_eq!(ask("error/bare")["error"], bare);
    for (method, data) in [
        ("error/null", Value::Null),
        ("error/text", json!("d")),
        ("error/object", json!({ "value": 1 })),
        ("error/empty", json!({})),
    ] {
        let mut with = bare.clone();
        with["data"] = data;
        assert_eq!(ask(method)["error"], with, "{method}");
    }
    session.close();
    stage.end();
}

#[test]
fn both_ends_may_ask_under_the_same_ids() {
    let stage = Stage::set();
    let body = r#"
    notifications/initialized) echo '{"jsonrpc":"2.0","id":1,"method":"ping"}' ;;
    tools/call)
        echo '{"jsonrpc":"2.0","id":"1","method":"roots/list"}'
        echo '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'
        IFS= read -r answered
        case $answered in *made-up*) answer '{"seen":true}' ;; *) answer '{"seen":false}' ;; esac ;;"#;
    let mut session = stage.serve(body);
    session.initialize();
    assert_eq!(
        session.line(),
        r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#
    );
    session.write(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    session.write(&call(1));
    assert_eq!(
        session.line(),
        r#"{"jsonrpc":"2.0","id":"1","method":"roots/list"}"#
    );
    assert_eq!(
        session.line(),
        r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#
    );
    session.write(r#"{"jsonrpc":"2.0","id":"1","result":{"roots":[{"uri":"file:///made-up"}]}}"#);
    assert_eq!(session.read()["result"], json!({ "seen": true }));
    session.close();
    stage.end();
}

#[test]
fn what_cannot_be_sent_does_not_end_a_call_of_the_other_side_with_the_same_id() {
    let stage = Stage::set();
    let body = r#"
    tools/call)
        echo '{"jsonrpc":"2.0","id":'$id',"method":"sampling/createMessage","params":{"_meta":{"dev.mcps/envelope":{}}}}'
        IFS= read -r refused
        [[ $refused == *MCPS-020* ]] && answer '{"told":true}' || answer '{"told":false}' ;;"#;
    let mut session = stage.serve(body);
    session.initialize();
    // Nobody asked for this answer; it must not look like a refusal of the call.
    session.write(&call(7));
    session.write(r#"{"jsonrpc":"2.0","id":7,"result":{}}"#);
    assert_eq!(session.read()["result"], json!({ "told": true }));
    session.close();
    stage.end();
}

#[test]
fn an_answer_of_the_clients_that_cannot_be_carried_is_not_waited_for() {
    let stage = Stage::set();
    let body = r#"
    tools/call)
        echo '{"jsonrpc":"2.0","id":7,"method":"roots/list"}'
        IFS= read -r refused
        [[ $refused == *\"id\":7*MCPS-020* ]] && answer '{"told":true}' || answer '{"told":false}' ;;"#;
    let mut session = stage.serve(body);
    session.initialize();
    session.write(&call(7));
    assert_eq!(session.read()["method"], "roots/list");
    session.write(r#"{"jsonrpc":"2.0","id":7,"result":{"roots":[],"big":9007199254740993}}"#);
    assert_eq!(session.read()["result"], json!({ "told": true }));
    session.close();
    stage.end();
}

#[test]
fn a_server_may_speak_before_it_answers() {
    let stage = Stage::set();
    let server = r#"
    echo '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"up"}}'
    echo '{"jsonrpc":"2.0","id":1,"method":"ping"}'
    IFS= read -r first; IFS= read -r pong
    echo '{"jsonrpc":"2.0","id":"init","result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}}'
    while IFS= read -r line; do :; done"#;
    let file = stage.dir().join("early.bash");
    std::fs::write(&file, server).unwrap();
    let words = vec!["bash".to_owned(), file.display().to_string()];
    let mut session = Session::start(&stage.path.command(&words), stage.dir());
    session.write(INITIALIZE);
    assert_eq!(session.read()["params"]["data"], "up");
    assert_eq!(session.read()["method"], "ping");
    session.write(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    assert_eq!(session.read()["result"]["serverInfo"]["name"], "s");
    session.close();
    stage.end();
}

#[test]
fn a_client_may_begin_with_any_request() {
    let stage = Stage::set();
    // A server of the older era answers our own `server/discover` with an error, or not at all
    // before the next line; one of the newer era with a result.
    for discovered in [
        r#"printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no"}}\n' "$id""#,
        r#"answer '{"supportedVersions":["2026-07-28"],"capabilities":{}}'"#,
    ] {
        let body =
            format!("server/discover) {discovered} ;;\n tools/call) answer '{{\"ok\":1}}' ;;");
        let mut session = stage.serve(&body);
        session.write(r#"{"jsonrpc":"2.0","method":"notifications/odd"}"#);
        session.write(&call(1));
        session.write(&call(2));
        for id in [1, 2] {
            assert_eq!(
                session.read(),
                json!({ "jsonrpc": "2.0", "id": id, "result": { "ok": 1 } })
            );
        }
        session.close();
    }
    stage.end();
}

#[test]
fn noise_in_front_of_the_wrapper_does_not_let_messages_out_early() {
    let stage = Stage::set();
    let server = stage.script("tools/call) answer '{}' ;;");
    let mut words = stage.path.command(&server);
    let wrap = words
        .iter()
        .position(|word| word.ends_with("/mcps-wrap"))
        .unwrap();
    let noisy = "echo 'npm notice'; echo '{\"id\":7}'; exec \"$@\"";
    words.splice(wrap..wrap, ["bash", "-c", noisy, "bash"].map(str::to_owned));
    let mut session = Session::start(&words, stage.dir());
    session.write(INITIALIZE);
    session.write(&call(7));
    assert_eq!(session.read()["id"], "init");
    assert_eq!(
        session.read(),
        json!({ "jsonrpc": "2.0", "id": 7, "result": {} })
    );
    session.close();
    stage.end();
}

#[test]
fn a_flood_of_calls_that_nobody_reads_for_a_while_is_answered_whole() {
    const CALLS: u32 = 2000;
    let stage = Stage::set();
    let progress = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":'$id',"progress":1,"total":2}}"#;
    let body = format!(
        "tools/call) echo '{progress}'; echo '{progress}'; echo '{progress}'; answer '{{}}' ;;"
    );
    let mut session = stage.serve(&body);
    session.initialize();
    for id in 0..CALLS {
        session.write(&format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"t","_meta":{{"progressToken":{id}}}}}}}"#
        ));
    }
    let mut answered = 0;
    let mut progressed = 0;
    while answered < CALLS {
        let message = session.read();
        if message.get("id").is_some() {
            assert_eq!(message["result"], json!({}), "{message}");
            answered += 1;
        } else {
            progressed += 1;
        }
    }
    assert_eq!(progressed, 3 * CALLS);
    session.close();
    stage.end();
}

#[test]
fn a_wrapper_that_is_not_told_the_session_says_what_to_pass_on() {
    let stage = Stage::set();
    let server = stage.script("tools/call) answer '{}' ;;");
    let behind = |hop: &[&str]| {
        let mut words = stage.path.command(&server);
        let wrap = words.iter().position(|word| word.ends_with("/mcps-wrap"));
        let wrap = wrap.unwrap();
        words.splice(wrap..wrap, hop.iter().map(|word| (*word).to_owned()));
        Session::start(&words, stage.dir())
    };
    let mut session = behind(&["env", "-u", "MCPS_SESSION"]);
    assert_refused(&session.initialize(), json!("init"), "MCPS-006");
    session.close();
    let said = std::fs::read_to_string(stage.dir().join("said.txt")).unwrap();
    assert!(said.contains("docker run -i -e MCPS_SESSION"), "{said}");
    let again = "exec env -i MCPS_SESSION=$MCPS_SESSION \"$@\"";
    let mut session = behind(&["sh", "-c", again, "sh"]);
    assert_eq!(session.initialize()["result"]["serverInfo"]["name"], "s");
    session.close();
    stage.end();
}

#[test]
fn a_server_that_does_not_sign_is_refused_and_named() {
    let stage = Stage::set();
    let server = stage.script("tools/call) answer '{}' ;;");
    let mut words = stage.path.command(&server);
    let wrap = words.iter().position(|word| word.ends_with("/mcps-wrap"));
    words.splice(wrap.unwrap().., server);
    let mut session = Session::start(&words, stage.dir());
    session.write(INITIALIZE);
    session.write(&call(1));
    assert_refused(&session.read(), json!("init"), "MCPS-026");
    assert_refused(&session.read(), json!(1), "MCPS-026");
    session.close();
    let said = std::fs::read_to_string(stage.dir().join("said.txt")).unwrap();
    assert!(said.contains("put `mcps-wrap --` in front"), "{said}");
    stage.end();
}

#[test]
fn a_server_that_ends_leaves_nobody_waiting() {
    let stage = Stage::set();
    let mut session = stage.serve("tools/call) exit 3 ;;");
    session.initialize();
    assert_refused(&session.ask(&call(7)), json!(7), "MCPS-027");
    assert_eq!(session.ended(), Some(3));
    stage.end();
}

#[test]
fn everything_ends_when_the_client_does_whatever_hangs() {
    let stage = Stage::set();
    // It answers nothing, reads nothing, and does not end by itself.
    let file = stage.dir().join("deaf.bash");
    std::fs::write(&file, "exec sleep 3600").unwrap();
    let words = vec!["bash".to_owned(), file.display().to_string()];
    for lines in [0, 1, 2, 50] {
        let mut session = Session::start(&stage.path.command(&words), stage.dir());
        for id in 0..lines {
            session.write(&format!(
                r#"{{"jsonrpc":"2.0","id":{id},"method":"initialize","params":{{"x":"{}"}}}}"#,
                "x".repeat(1000)
            ));
        }
        session.close();
    }
    stage.end();
}
