use std::{fs, time::Duration};

use mcps_core::message::Outline;
use tokio::process::{ChildStdin, ChildStdout};

use super::{Child, Command, Exit};
use crate::{
    error::TransportError,
    frame::{Frame, Incoming},
    limits::Limits,
    peer::Peer,
    stdio::Link,
    witness::{DEADLINE, gone, is_gone, reaped, soon},
};

type Server = (Child, Link<ChildStdout, ChildStdin>);

/// Graces that a test would notice if they were waited for.
fn patient() -> Limits {
    Limits {
        exit_grace: 4 * DEADLINE,
        terminate_grace: 4 * DEADLINE,
        kill_grace: DEADLINE,
        ..Limits::default()
    }
}

/// Graces for servers that use them up.
fn hasty() -> Limits {
    let grace = Duration::from_millis(50);
    Limits {
        exit_grace: grace,
        terminate_grace: grace,
        ..patient()
    }
}

fn shell(script: &str, limits: &Limits) -> Server {
    Command::new("sh")
        .args(["-c", script])
        .spawn(limits)
        .unwrap()
}

fn frame(text: &str) -> Frame {
    Frame::new(text).unwrap()
}

async fn next(link: &mut Link<ChildStdout, ChildStdin>) -> Option<Incoming> {
    soon("a frame", link.incoming.next()).await.unwrap()
}

async fn next_text(link: &mut Link<ChildStdout, ChildStdin>) -> String {
    match next(link).await {
        Some(Incoming::Frame(frame)) => String::from_utf8(frame.into_bytes()).unwrap(),
        other => panic!("{other:?} instead of a frame"),
    }
}

async fn next_pid(link: &mut Link<ChildStdout, ChildStdin>) -> u32 {
    next_text(link).await.parse().unwrap()
}

#[tokio::test]
async fn passes_frames_of_any_size_both_ways_and_ends_with_its_input() {
    let limits = patient();
    let (mut child, link) = Command::new("cat").spawn(&limits).unwrap();
    let mut pipe = link.into_pipe(&limits);
    let sizes = [1, 4095, 4096, 65_535, 65_536, 1 << 20, 4 << 20, 2];
    let send = async {
        for size in sizes {
            pipe.outbox.send(frame(&"x".repeat(size))).await.unwrap();
        }
        pipe.outbox.finish().await.unwrap();
    };
    let read = async {
        for size in sizes {
            match pipe.inbox.next().await.unwrap() {
                Some(Incoming::Frame(frame)) => assert_eq!(frame.len(), size),
                other => panic!("{other:?} instead of {size} bytes"),
            }
        }
        assert_eq!(pipe.inbox.next().await.unwrap(), None);
    };
    soon("the way through cat", async { tokio::join!(send, read) }).await;
    assert_eq!(
        soon("its end", child.shutdown()).await.unwrap(),
        Exit::Code(0)
    );
}

#[tokio::test]
async fn a_line_of_5_mib_does_not_end_the_connection() {
    let script = "head -c 5242880 /dev/zero | tr '\\0' x; echo; echo '{}'; read line; echo $line";
    let (_child, mut link) = shell(script, &patient());
    assert_eq!(
        next(&mut link).await,
        Some(Incoming::TooLong {
            bytes: 5 << 20,
            outline: Outline::default()
        })
    );
    assert_eq!(next_text(&mut link).await, "{}");
    link.outgoing.send(&frame("[1]")).await.unwrap();
    assert_eq!(next_text(&mut link).await, "[1]");
    assert_eq!(next(&mut link).await, None);
}

#[tokio::test]
async fn a_server_that_dies_within_a_frame_leaves_a_truncated_one() {
    let (mut child, mut link) = shell("echo '{}'; printf '{\"a\":'; kill -9 $$", &patient());
    assert_eq!(next_text(&mut link).await, "{}");
    assert_eq!(
        next(&mut link).await,
        Some(Incoming::Truncated { bytes: 5 })
    );
    assert_eq!(next(&mut link).await, None);
    assert_eq!(
        soon("its end", child.wait()).await.unwrap(),
        Exit::Signal(9)
    );
}

#[tokio::test]
async fn a_server_that_closes_its_output_may_still_read() {
    let (mut child, mut link) = shell("exec 1>&-; read code; exit $code", &patient());
    assert_eq!(next(&mut link).await, None);
    link.outgoing.send(&frame("7")).await.unwrap();
    assert_eq!(soon("its end", child.wait()).await.unwrap(), Exit::Code(7));
}

#[tokio::test]
async fn a_server_that_closes_its_input_is_an_error_and_may_still_write() {
    let (_child, mut link) = shell("exec 0<&-; echo 1; echo 2; exec sleep 1000", &patient());
    assert_eq!(next_text(&mut link).await, "1");
    // Another test that is just starting a process may hold the end open for a moment.
    let failed = soon("the refusal", async {
        loop {
            if let Err(failed) = link.outgoing.send(&frame("{}")).await {
                break failed;
            }
            tokio::task::yield_now().await;
        }
    });
    let failed = failed.await;
    assert!(
        matches!(failed, TransportError::HungUp { peer: Peer::Server }),
        "{failed:?}"
    );
    assert_eq!(next_text(&mut link).await, "2");
}

#[tokio::test]
async fn a_server_that_does_not_read_is_sent_no_more_than_the_limits() {
    let limits = Limits {
        queue_bytes: 1 << 20,
        ..hasty()
    };
    let (mut child, link) = Command::new("sleep").arg("1000").spawn(&limits).unwrap();
    let mut pipe = link.into_pipe(&limits);
    let line = frame(&"x".repeat(99_999));
    let mut sent = 0;
    // Frames go through until the queue stays full; a second is enough for a thousand of them.
    while tokio::time::timeout(Duration::from_secs(1), pipe.outbox.send(line.clone()))
        .await
        .is_ok()
    {
        sent += 1;
        assert!(sent < 100, "nothing holds the sender up");
    }
    assert_eq!(sent, 10);
    assert!(pipe.outbox.finish().await.is_err());
    assert_eq!(
        soon("its end", child.shutdown()).await.unwrap(),
        Exit::Signal(15)
    );
}

#[tokio::test]
async fn wait_may_be_asked_again_and_reaps_nothing() {
    let (mut child, _link) = shell("exit 3", &patient());
    let pid = child.id();
    for _ in 0..3 {
        assert_eq!(soon("its end", child.wait()).await.unwrap(), Exit::Code(3));
        assert!(
            fs::exists(format!("/proc/{pid}")).unwrap(),
            "its id is still taken"
        );
    }
    assert_eq!(
        soon("its end", child.shutdown()).await.unwrap(),
        Exit::Code(3)
    );
    reaped(pid).await;
    assert_eq!(child.wait().await.unwrap(), Exit::Code(3));
    assert_eq!(child.terminate().await.unwrap(), Exit::Code(3));
}

#[tokio::test]
async fn sees_the_end_that_comes_while_it_waits() {
    let (mut child, mut link) = shell("echo; echo 1; read line; exit 4", &patient());
    assert_eq!(next_text(&mut link).await, "1");
    // The input is closed only once `wait` is under way.
    let close = async { drop(link) };
    let (exit, ()) = tokio::join!(soon("its end", child.wait()), close);
    assert_eq!(exit.unwrap(), Exit::Code(4));
}

#[tokio::test]
async fn a_server_that_ignores_the_end_of_its_input_is_terminated() {
    let limits = Limits {
        terminate_grace: 4 * DEADLINE,
        ..hasty()
    };
    let (mut child, link) = Command::new("sleep").arg("1000").spawn(&limits).unwrap();
    drop(link);
    assert_eq!(
        soon("its end", child.shutdown()).await.unwrap(),
        Exit::Signal(15)
    );
}

#[tokio::test]
async fn a_server_and_what_it_started_are_killed_when_they_ignore_sigterm() {
    let (mut child, mut link) = shell("trap '' TERM; sleep 1000 & echo $!; wait", &hasty());
    let grandchild = next_pid(&mut link).await;
    let pid = child.id();
    assert_eq!(
        soon("its end", child.shutdown()).await.unwrap(),
        Exit::Signal(9)
    );
    assert!(is_gone(pid));
    gone(grandchild).await;
    assert_eq!(
        next(&mut link).await,
        None,
        "nobody holds the other end of the link"
    );
}

#[tokio::test]
async fn what_a_server_left_behind_ends_with_it() {
    let limits = Limits {
        exit_grace: 4 * DEADLINE,
        ..hasty()
    };
    for script in [
        "sleep 1000 & echo $!; exit 5",
        "trap '' TERM; sleep 1000 & echo $!; exit 5",
    ] {
        let (mut child, mut link) = shell(script, &limits);
        let grandchild = next_pid(&mut link).await;
        assert_eq!(soon("its end", child.wait()).await.unwrap(), Exit::Code(5));
        assert!(!is_gone(grandchild));
        assert_eq!(
            soon("the end", child.shutdown()).await.unwrap(),
            Exit::Code(5)
        );
        gone(grandchild).await;
    }
}

#[tokio::test]
async fn a_server_behind_a_shell_has_its_time_to_end_too() {
    // The shell in front ends at once at SIGTERM; the server behind it has something to say.
    let script =
        "exec 3<&0; (trap 'sleep 0.1; echo bye; exit' TERM; echo up; read line <&3) & wait";
    let (mut child, mut link) = shell(script, &patient());
    assert_eq!(next_text(&mut link).await, "up");
    let (exit, said) = tokio::join!(soon("the end", child.terminate()), next_text(&mut link));
    assert_eq!((exit.unwrap(), said.as_str()), (Exit::Signal(15), "bye"));
}

#[tokio::test]
async fn shutdown_may_be_given_up_for_terminate() {
    let (mut child, _link) = Command::new("sleep").arg("1000").spawn(&patient()).unwrap();
    let exit = tokio::select! {
        _ = child.shutdown() => panic!("its input is still open"),
        () = tokio::task::yield_now() => soon("the end", child.terminate()).await.unwrap(),
    };
    assert_eq!(exit, Exit::Signal(15));
}

#[tokio::test]
async fn dropping_it_kills_the_group_and_leaves_no_zombie() {
    let (child, mut link) = shell("trap '' TERM; sleep 1000 & echo $!; wait", &patient());
    let grandchild = next_pid(&mut link).await;
    let pid = child.id();
    drop(child);
    reaped(pid).await;
    gone(grandchild).await;
}

#[tokio::test]
async fn dropping_it_after_its_end_kills_what_it_left() {
    let (mut child, mut link) = shell("sleep 1000 & echo $!; exit 0", &patient());
    let grandchild = next_pid(&mut link).await;
    child.wait().await.unwrap();
    let pid = child.id();
    drop(child);
    reaped(pid).await;
    gone(grandchild).await;
}

#[tokio::test]
async fn runs_with_the_environment_and_directory_it_is_given() {
    let command = Command::new("sh")
        .args([
            "-c",
            "echo $GREETING $(pwd) $(ps -o pgid= -p $$ 2>/dev/null || echo -)",
        ])
        .env("GREETING", "hello")
        .directory("/proc/self");
    let (_child, mut link) = command.spawn(&patient()).unwrap();
    assert!(next_text(&mut link).await.starts_with("hello /proc/"));
    let command = command.env("GREETING", "secret").arg("token");
    assert!(
        !format!("{command:?}").contains("secret") && !format!("{command:?}").contains("token")
    );
}

#[tokio::test]
async fn says_what_is_wrong_with_a_command() {
    let failure = |command: Command| match command.spawn(&Limits::default()) {
        Ok(_) => panic!("{command:?} runs"),
        Err(error) => error,
    };
    let missing = failure(Command::new("no-such-server"));
    assert!(
        matches!(missing, TransportError::CommandNotFound { .. }),
        "{missing:?}"
    );
    assert_eq!(
        missing.to_string(),
        "the server command \"no-such-server\" was not found: install it, correct its spelling, or give its full path"
    );
    let missing = failure(Command::new("./no-such-server"));
    assert!(
        matches!(missing, TransportError::CommandNotFound { .. }),
        "{missing:?}"
    );
    let refused = failure(Command::new("/etc/passwd"));
    assert!(
        matches!(refused, TransportError::NotExecutable { .. }),
        "{refused:?}"
    );
    let nowhere = failure(Command::new("cat").directory("/no/such/place"));
    assert!(
        matches!(nowhere, TransportError::NoWorkingDirectory { .. }),
        "{nowhere:?}"
    );
}

#[tokio::test]
async fn names_a_missing_interpreter() {
    let directory = std::env::temp_dir().join(format!("mcps-transport-{}", std::process::id()));
    // Written by another process: one of ours that is just starting would keep it open for writing.
    let script =
        "mkdir -p \"$0\" && cd \"$0\" && echo '#!/no/such/python' > server && chmod +x server";
    let written = std::process::Command::new("sh")
        .args(["-c", script])
        .arg(&directory)
        .status();
    assert!(written.unwrap().success());
    for command in [
        Command::new(directory.join("server")),
        Command::new("./server").directory(&directory),
    ] {
        let failure = command.spawn(&Limits::default()).unwrap_err();
        assert!(
            matches!(failure, TransportError::InterpreterNotFound { .. }),
            "{failure:?}"
        );
    }
    fs::remove_dir_all(&directory).unwrap();
}
