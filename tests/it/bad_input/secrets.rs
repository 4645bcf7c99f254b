//! What is said in calls, and keys, are in no log, whatever the level and whatever goes wrong.

use std::fs;

use crate::wire::{
    Hand, INITIALIZE, INITIALIZED, Process, Puppet, Stage, call, code_of, parsed, result,
};
use crate::world::{World, run};

const ARGUMENT: &str = "hunter2-argument";
const RESULT: &str = "hunter2-result";
const SERVER_OPTION: &str = "hunter2-option";

/// Everything that was logged in the world, by file.
fn logs(world: &World) -> Vec<(String, String)> {
    let files = fs::read_dir(world.dir()).unwrap().flatten();
    files
        .filter(|file| file.path().extension().is_some_and(|is| is == "log"))
        .map(|file| {
            let text = fs::read(file.path()).unwrap();
            let name = file.file_name().to_string_lossy().into_owned();
            (name, String::from_utf8_lossy(&text).into_owned())
        })
        .collect()
}

/// The lines of a PEM file between its first and its last.
fn body(pem: &str) -> String {
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    lines.collect()
}

#[tokio::test]
async fn no_log_at_any_level_holds_arguments_results_or_keys() {
    let world = World::start();
    let operator_file = world.dir().join("own.operator.key");
    let mut authority = world.program("mcps-authority");
    authority
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(world.dir().join("own"))
        .arg("--operator-key-file")
        .arg(&operator_file)
        .env("MCPS_LOG", "trace");
    let mut authority = Process::start(&world, authority);
    let url = loop {
        let line = authority.read().await;
        if let Some(url) = line.strip_prefix("listening on ") {
            break url.to_owned();
        }
    };
    let operator = fs::read_to_string(&operator_file)
        .unwrap()
        .trim()
        .to_owned();
    let mut said = String::new();
    for kind in ["agent", "server"] {
        let mut command = world.mcps(&world.home(kind));
        command
            .args([
                "--log-level",
                "trace",
                "passport",
                "request",
                "--authority",
                &url,
            ])
            .args([
                "--name",
                kind,
                "--kind",
                kind,
                "--owner",
                "tests@example.com",
            ])
            .args(["--level", "2", "--operator-key-file"])
            .arg(&operator_file);
        let done = run(&mut command);
        said.push_str(&done.stderr);
        said.push_str(&done.stdout);
        done.succeeded();
        let mut command = world.mcps(&world.home(kind));
        let wrong = format!("{}x", &operator[..operator.len() - 1]);
        command.env("MCPS_OPERATOR_KEY", &wrong).args([
            "--log-level",
            "trace",
            "passport",
            "revoke",
            "--reason",
            "policy",
        ]);
        let done = run(&mut command);
        assert_ne!(done.code, 0);
        assert!(!done.stderr.contains(&wrong), "{}", done.stderr);
        said.push_str(&done.stderr);
    }
    let stage = Stage {
        agent: world.home("agent"),
        server: world.home("server"),
        world,
    };
    session(&stage).await;
    hostile_session(&stage).await;

    let key = |home: &str| fs::read_to_string(stage.world.home(home).join("key.pem")).unwrap();
    let founding = |name: &str| {
        let path = stage.world.dir().join("own/keys").join(name);
        fs::read_to_string(path).unwrap()
    };
    let mut secrets = vec![
        ARGUMENT.to_owned(),
        RESULT.to_owned(),
        SERVER_OPTION.to_owned(),
        operator,
    ];
    let pems = [
        key("agent"),
        key("server"),
        founding("root.pem"),
        founding("passport.pem"),
        founding("status.pem"),
    ];
    for pem in pems {
        let body = body(&pem);
        // The private scalar stands in the first half of PKCS#8, the public point in the second.
        secrets.push(body[40..80].to_owned());
    }
    let mut all = logs(&stage.world);
    assert!(all.len() >= 4, "{}", all.len());
    assert!(all.iter().any(|(_, text)| text.contains("TRACE")));
    all.push(("commands".to_owned(), said));
    for (name, text) in all {
        for secret in &secrets {
            assert!(!text.contains(secret), "{name} says {secret}: {text}");
        }
    }
}

/// Everything as it should be, and everything that a client or server may do wrong.
async fn session(stage: &Stage) {
    let trace = ["--log-level", "trace"];
    let mut behind = Puppet::new(&stage.world);
    let mut words = stage.wrapped(&stage.server, &trace, &behind);
    words.push(SERVER_OPTION.to_owned());
    let mut client = stage.connect(&stage.agent, &trace, &words);
    client.write(INITIALIZE).await;
    behind.read().await;
    behind.write(INITIALIZED).await;
    client.read().await;
    let asks = |id: u32| call(id).replace("1.50", &format!("\"{ARGUMENT}\""));
    let answers = |id: u32| result(id).replace("noted", RESULT);
    client.write(&asks(1)).await;
    assert_eq!(behind.read().await, asks(1));
    behind.write(&answers(1)).await;
    assert_eq!(client.read().await, answers(1));
    // Refused on the way in.
    for bad in [
        asks(2).replace("2.0", "1.0"),
        asks(2).replace(r#""n""#, r#""n":1,"n""#),
        asks(2).replace(r#""tools/call""#, "7"),
        asks(2)[..60].to_owned() + ARGUMENT,
        asks(2).replace(r#""name""#, r#""_meta":{"dev.mcps/envelope":{}},"name""#),
        asks(2).replace(ARGUMENT, &ARGUMENT.repeat(400_000)),
    ] {
        client.write(&bad).await;
        assert!(code_of(&client.read().await).is_some());
    }
    // And on the way out.
    for (id, from, to) in [
        (3, r#""result""#, r#""result":{},"result""#),
        (
            4,
            r#""result":{"#,
            r#""result":{"_meta":{"dev.mcps/envelope":{}},"#,
        ),
    ] {
        client.write(&asks(id)).await;
        behind.read().await;
        behind.write(&answers(id).replace(from, to)).await;
        assert!(code_of(&client.read().await).is_some());
    }
    client.write(&asks(5)).await;
    behind.read().await;
    behind
        .write(&answers(5).replace(RESULT, &RESULT.repeat(400_000)))
        .await;
    assert!(code_of(&client.read().await).is_some());
    client.write(&asks(6)).await;
    behind.read().await;
    behind.write(&format!(r#"{{"jsonrpc":"2.0","id":6,"error":{{"code":1,"message":"{RESULT}","data":"{RESULT}"}}}}"#)).await;
    client.read().await;
    behind.write(RESULT).await;
    client.write(&asks(7)).await;
    behind.read().await;
    behind.write_bytes(RESULT.as_bytes()).await;
    behind.hang_up().await;
    assert!(code_of(&client.read().await).is_some());
    client.exit().await;
}

/// The same with somebody on the wire.
async fn hostile_session(stage: &Stage) {
    let trace = ["--log-level", "trace"];
    let asks = call(1).replace("1.50", &format!("\"{ARGUMENT}\""));
    let mut behind = Puppet::new(&stage.world);
    let mut agent = Hand::of(&stage.agent).speaking_to(&stage.server);
    let mut wrap = stage.wrap(&stage.server, &agent.session, &trace, &behind.command());
    wrap.write(&agent.seal(INITIALIZE)).await;
    behind.read().await;
    behind.write(INITIALIZED).await;
    wrap.read().await;
    let line = agent.seal(&asks);
    for bad in [
        line.replace("note", "rm"),
        asks.clone(),
        line.replace(r#""typ":"request","#, ""),
        line.replace("dev.mcps/envelope", "dev.mcps/bindings"),
    ] {
        assert!(wrap.refuses(&bad).await.number() > 0);
    }
    wrap.close_input();
    behind.hang_up().await;
    wrap.exit().await;

    let mut puppet = Puppet::new(&stage.world);
    let mut client = stage.connect(&stage.agent, &trace, &puppet.command());
    let mut server = Hand::of(&stage.server);
    client.write(INITIALIZE).await;
    let request = parsed(&puppet.read().await);
    puppet
        .write(&server.answer(&request, &crate::wire::Facing::announced()))
        .await;
    client.read().await;
    client.write(&asks).await;
    let request = parsed(&puppet.read().await);
    let answer = server.answer(&request, &result(1).replace("noted", RESULT));
    puppet.write(&answer.replace("text", "txet")).await;
    assert!(code_of(&client.read().await).is_some());
    client.close_input();
    puppet.hang_up().await;
    client.exit().await;
}

#[tokio::test]
async fn no_log_at_any_level_holds_an_access_token() {
    const TOKENS: [&str; 2] = ["hunter2-token", "hunter2-later"];
    let stage = Stage::set();
    let trace = ["--log-level", "trace"];
    let mut wrap = stage.world.program("mcps-wrap");
    wrap.arg("--home").arg(&stage.server).args(trace);
    wrap.args(["--listen", "127.0.0.1:0", "--"]);
    wrap.arg(crate::world::bin("mcps-demo-server"));
    let mut wrap = Process::start(&stage.world, wrap);
    let line = wrap.read().await;
    let url = line.strip_prefix("listening on ").unwrap();
    let path = stage.world.dir().join("token");
    fs::write(&path, TOKENS[0]).unwrap();
    let mut mcps = stage.world.mcps(&stage.agent);
    mcps.args(trace).args(["connect", "--url", url]);
    mcps.arg("--access-token-file").arg(&path);
    let mut client = Process::start(&stage.world, mcps);
    client.write(INITIALIZE).await;
    client.read().await;
    let ready = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    client.write(ready).await;
    let list =
        |id: u32| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/list","params":{{}}}}"#);
    for (id, text, good) in [
        (1, TOKENS[1].to_owned(), true),
        (2, format!("{} {}", TOKENS[0], TOKENS[1]), false),
        (3, TOKENS[0].to_owned(), true),
    ] {
        fs::write(&path, text).unwrap();
        client.write(&list(id)).await;
        let line = client.read().await;
        assert_eq!(code_of(&line).is_none(), good, "{line}");
    }
    // Nor is it in what everybody on the machine can see of a process.
    let seen = fs::read(format!("/proc/{}/cmdline", client.id())).unwrap();
    assert!(!String::from_utf8_lossy(&seen).contains("hunter2"));
    client.close_input();
    client.exit().await;
    // Refused with one that nobody signed for, and with two.
    for tokens in [&TOKENS[..1], &TOKENS] {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut post = http.post(url).header("content-type", "application/json");
        for token in tokens {
            post = post.header("authorization", format!("Bearer {token}"));
        }
        assert_eq!(post.body(list(4)).send().await.unwrap().status(), 401);
    }
    let all = logs(&stage.world);
    assert!(
        all.iter()
            .filter(|(_, text)| text.contains("TRACE"))
            .count()
            >= 2
    );
    for (name, text) in all {
        assert!(!text.contains("hunter2"), "{name} says a token: {text}");
    }
}

#[tokio::test]
async fn a_server_is_not_given_the_secrets_in_our_environment() {
    let stage = Stage::set();
    let seen = stage.world.dir().join("environment");
    let mut mcps = stage.world.mcps(&stage.agent);
    mcps.args(["connect", "--", "sh", "-c"])
        .arg(format!("env > {}; cat > /dev/null", seen.display()))
        .env("MCPS_OPERATOR_KEY", "mcps_op_hunter2")
        .env("MCPS_ACCESS_TOKEN", "hunter2")
        .env("OF_THE_SERVER", "kept");
    let _connect = Process::start(&stage.world, mcps);
    let given = crate::wire::eventually("the server has started", async || {
        let given = fs::read_to_string(&seen).ok()?;
        given.contains("OF_THE_SERVER=kept").then_some(given)
    })
    .await;
    assert!(!given.contains("hunter2"), "{given}");
    assert!(given.contains("MCPS_SESSION="), "{given}");
}
