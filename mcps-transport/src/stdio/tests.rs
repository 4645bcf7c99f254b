//! `examples/relay.rs` as a process of its own, with a real client's kinds of stdio.

use std::{
    fs::File,
    io::{Read as _, Write as _, pipe},
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::PathBuf,
    process::{ExitStatus, Stdio},
};

use rustix::{
    fs::{OFlags, fcntl_getfl},
    process::{Pid, Signal, kill_process},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStdout, Command},
};

use crate::witness::{gone, soon};

fn relay(server: &[&str]) -> Command {
    let tests = std::env::current_exe().unwrap();
    let built: PathBuf = tests
        .parent()
        .unwrap()
        .with_file_name("examples")
        .join("relay");
    assert!(
        built.exists(),
        "{built:?} is missing: `cargo test -p mcps-transport` builds it"
    );
    let mut command = Command::new(built);
    command.args(server).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

async fn exit(relay: &mut Child) -> ExitStatus {
    soon("the end of the relay", relay.wait()).await.unwrap()
}

fn signal(relay: &Child, signal: Signal) {
    let pid = i32::try_from(relay.id().unwrap()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

async fn line(output: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    soon("a line", output.read_line(&mut line)).await.unwrap();
    line.trim_end().to_owned()
}

#[tokio::test]
async fn relays_frames_and_ends_when_its_input_ends() {
    let mut relay = relay(&["cat"]).spawn().unwrap();
    let (mut input, mut output) = (relay.stdin.take().unwrap(), relay.stdout.take().unwrap());
    let text = format!("{{}}\r\n\n{}\n[1]\nlost", "x".repeat(4 << 20));
    let write = async move {
        input.write_all(text.as_bytes()).await.unwrap();
        drop(input);
    };
    let mut read = String::new();
    let (_, ()) = soon("the way through", async {
        tokio::join!(output.read_to_string(&mut read), write)
    })
    .await;
    assert_eq!(read.len(), 3 + (4 << 20) + 1 + 4);
    assert!(read.starts_with("{}\nxxx") && read.ends_with("x\n[1]\n"));
    assert!(exit(&mut relay).await.success());
}

#[tokio::test]
async fn talks_through_sockets_as_node_makes_them() {
    let (ours, its_input) = UnixStream::pair().unwrap();
    let (mut answers, its_output) = UnixStream::pair().unwrap();
    let shared = its_input.try_clone().unwrap();
    let mut relay = relay(&["cat"])
        .stdin(OwnedFd::from(its_input))
        .stdout(OwnedFd::from(its_output))
        .spawn()
        .unwrap();
    let text = format!("{}\n", "y".repeat(1 << 20));
    let expected = text.clone();
    let client = tokio::task::spawn_blocking(move || {
        let mut half = ours.try_clone().unwrap();
        let writer = std::thread::spawn(move || half.write_all(text.as_bytes()).unwrap());
        let mut read = vec![0; expected.len()];
        answers.read_exact(&mut read).unwrap();
        writer.join().unwrap();
        assert!(read == expected.as_bytes());
        ours.shutdown(std::net::Shutdown::Write).unwrap();
    });
    soon("the way through", client).await.unwrap();
    assert!(exit(&mut relay).await.success());
    assert!(!fcntl_getfl(&shared).unwrap().contains(OFlags::NONBLOCK));
}

#[tokio::test]
async fn leaves_a_shared_pipe_as_it_was() {
    let (its_input, mut ours) = pipe().unwrap();
    let (answers, its_output) = pipe().unwrap();
    let shared = [
        OwnedFd::from(its_input.try_clone().unwrap()),
        its_output.try_clone().unwrap().into(),
    ];
    let mut relay = relay(&["cat"])
        .stdin(its_input)
        .stdout(its_output)
        .spawn()
        .unwrap();
    ours.write_all(b"{}\n").unwrap();
    let answered = tokio::task::spawn_blocking(move || {
        let mut answers = answers;
        answers.read_exact(&mut [0; 3]).map(|()| answers)
    });
    let _answers = soon("an answer", answered).await.unwrap().unwrap();
    for fd in &shared {
        assert!(
            !fcntl_getfl(fd).unwrap().contains(OFlags::NONBLOCK),
            "while it runs"
        );
    }
    drop(ours);
    assert!(exit(&mut relay).await.success());
    for fd in &shared {
        assert!(
            !fcntl_getfl(fd).unwrap().contains(OFlags::NONBLOCK),
            "when it has ended"
        );
    }
}

#[tokio::test]
async fn reads_files_and_writes_to_dev_null() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let relayed = relay(&["cat"])
        .stdin(File::open(manifest).unwrap())
        .output();
    let relayed = soon("the way through", relayed).await.unwrap();
    let lines = std::fs::read_to_string(manifest)
        .unwrap()
        .replace("\n\n", "\n");
    assert_eq!(String::from_utf8(relayed.stdout).unwrap(), lines);
    let mut relay = relay(&["echo", "1"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    assert!(exit(&mut relay).await.success());
}

#[tokio::test]
async fn ends_with_the_server_although_the_client_stays() {
    // Something is read first: a stream that was ready once is where waiting goes wrong.
    let server = ["sh", "-c", "read line; echo bye; exit 6"];
    let mut over_pipe = relay(&server).spawn().unwrap();
    let mut output = BufReader::new(over_pipe.stdout.take().unwrap());
    let mut input = over_pipe.stdin.take().unwrap();
    input.write_all(b"{}\n").await.unwrap();
    assert_eq!(line(&mut output).await, "bye");
    assert_eq!(exit(&mut over_pipe).await.code(), Some(6));

    let (mut input, its_input) = UnixStream::pair().unwrap();
    let its_input = OwnedFd::from(its_input);
    let mut over_socket = relay(&server).stdin(its_input).spawn().unwrap();
    input.write_all(b"{}\n").unwrap();
    assert_eq!(exit(&mut over_socket).await.code(), Some(6));
}

#[tokio::test]
async fn passes_on_what_the_server_logs() {
    let logged = relay(&["sh", "-c", "echo oh >&2"])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output();
    assert_eq!(soon("its end", logged).await.unwrap().stderr, b"oh\n");
}

#[tokio::test]
async fn a_signal_ends_the_server_and_what_it_started() {
    for (sent, code, trap) in [
        (Signal::TERM, 143, "trap '' TERM;"),
        (Signal::INT, 130, ""),
        (Signal::HUP, 129, ""),
    ] {
        let script = format!("{trap} sleep 1000 & echo $!; wait");
        let mut relay = relay(&["sh", "-c", &script]).spawn().unwrap();
        let mut output = BufReader::new(relay.stdout.take().unwrap());
        let _input = relay.stdin.take();
        let grandchild = line(&mut output).await.parse().unwrap();
        signal(&relay, sent);
        assert_eq!(exit(&mut relay).await.code(), Some(code));
        gone(grandchild).await;
    }
}

#[tokio::test]
async fn the_server_sees_its_input_closed_when_we_are_killed() {
    let mut relay = relay(&["sh", "-c", "echo $$; exec cat"]).spawn().unwrap();
    let mut output = BufReader::new(relay.stdout.take().unwrap());
    let _input = relay.stdin.take();
    let server = line(&mut output).await.parse().unwrap();
    signal(&relay, Signal::KILL);
    exit(&mut relay).await;
    gone(server).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_does_not_keep_us() {
    let mut relay = relay(&["sh", "-c", "echo $$; exec yes"]).spawn().unwrap();
    let mut output = BufReader::with_capacity(1, relay.stdout.take().unwrap());
    let _input = relay.stdin.take();
    let server = line(&mut output).await.parse().unwrap();
    signal(&relay, Signal::TERM);
    // Our output is full, so what is queued cannot be written; that is an error, not a hang.
    assert!(!exit(&mut relay).await.success());
    gone(server).await;
}

#[tokio::test]
async fn a_client_that_hangs_up_ends_the_server() {
    let mut relay = relay(&["sh", "-c", "echo $$; exec yes"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(relay.stdout.take().unwrap());
    let _input = relay.stdin.take();
    let server = line(&mut output).await.parse().unwrap();
    drop(output);
    assert_eq!(exit(&mut relay).await.code(), Some(1));
    gone(server).await;
}
