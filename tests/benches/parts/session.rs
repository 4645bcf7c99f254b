//! A client over stdio that writes ready-made lines: calls of a tool of the demo server's.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}"#;
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// A client with one call in flight.
pub(super) struct Session {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    line: String,
    id: u64,
}

impl Session {
    pub(super) fn open(mut command: Command) -> Self {
        command.env("MCPS_LOG", "error");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut session = Self {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
            line: String::new(),
            id: 0,
        };
        session.ask(INITIALIZE);
        writeln!(session.input.as_ref().unwrap(), "{INITIALIZED}").unwrap();
        session
    }

    fn ask(&mut self, request: &str) {
        writeln!(self.input.as_ref().unwrap(), "{request}").unwrap();
        self.line.clear();
        assert!(
            self.output.read_line(&mut self.line).unwrap() > 0,
            "hung up"
        );
    }

    pub(super) fn call(&mut self) -> Duration {
        self.id += 1;
        let request = format!(
            r#"{{"jsonrpc":"2.0","id":{},"method":"tools/call","params":{{"name":"list_files","arguments":{{}}}}}}"#,
            self.id
        );
        let start = Instant::now();
        self.ask(&request);
        let taken = start.elapsed();
        assert!(self.line.contains(r#""result""#), "{}", self.line);
        taken
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The end of its input ends it, and with it the processes behind.
        self.input = None;
        self.child.wait().unwrap();
    }
}
