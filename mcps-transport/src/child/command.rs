//! What to run as the server.

use std::{
    ffi::{OsStr, OsString},
    io,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
};

use rustix::process::Pid;
use tokio::{
    process::{ChildStdin, ChildStdout},
    signal::unix::{SignalKind, signal},
};

use super::{Child, Group};
use crate::{error::TransportError, limits::Limits, peer::Peer, stdio::Link};

/// A server command: a program, its arguments, and what differs from our own environment.
#[derive(Clone)]
pub struct Command {
    program: OsString,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    withheld: Vec<OsString>,
    directory: Option<PathBuf>,
}

impl Command {
    /// Runs `program`: a path, or a name that is looked up in `PATH`. No shell is involved.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            withheld: Vec::new(),
            directory: None,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets a variable, on top of the environment that the server inherits from us.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Keeps a variable of ours from the server, which is otherwise given all of them.
    #[must_use]
    pub fn without_env(mut self, name: impl Into<OsString>) -> Self {
        self.withheld.push(name.into());
        self
    }

    /// Runs it in `directory` instead of ours.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// The program as given.
    #[must_use]
    pub fn program(&self) -> &OsStr {
        &self.program
    }

    /// Starts it: standard input and output are the link, standard error is ours.
    ///
    /// # Errors
    /// [`TransportError::CommandNotFound`], [`TransportError::InterpreterNotFound`],
    /// [`TransportError::NotExecutable`] or [`TransportError::NoWorkingDirectory`] when the
    /// configuration is wrong, [`TransportError::Spawn`] or [`TransportError::Signals`] when the
    /// system refuses.
    ///
    /// # Panics
    /// Outside a Tokio runtime with IO enabled.
    pub fn spawn(
        &self,
        limits: &Limits,
    ) -> Result<(Child, Link<ChildStdout, ChildStdin>), TransportError> {
        if let Some(path) = self.directory.as_ref().filter(|path| !path.is_dir()) {
            return Err(TransportError::NoWorkingDirectory { path: path.clone() });
        }
        // Before the process: whoever started us may have left SIGCHLD ignored, and then the system
        // would forget how it ended.
        let exits = signal(SignalKind::child())
            .map_err(|source| TransportError::Signals(Arc::new(source)))?;
        let mut process = self
            .prepared()
            .spawn()
            .map_err(|source| self.refused(source))?;
        let started = process
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        match (started, process.stdout.take(), process.stdin.take()) {
            (Some(leader), Some(output), Some(input)) => {
                let group = Group::led_by(leader);
                let child = Child {
                    process,
                    group,
                    exits,
                    limits: *limits,
                    ended: None,
                };
                Ok((child, Link::new(output, input, Peer::Server, limits)))
            }
            // Piped streams and the id of a process not yet awaited are there.
            _ => Err(self.refused(io::ErrorKind::Other.into())),
        }
    }

    fn prepared(&self) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.program);
        command
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .process_group(0)
            .kill_on_drop(true);
        for name in &self.withheld {
            command.env_remove(name);
        }
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command
    }

    fn refused(&self, source: io::Error) -> TransportError {
        let program = self.program.clone();
        match source.kind() {
            io::ErrorKind::NotFound if self.exists() => {
                TransportError::InterpreterNotFound { program }
            }
            io::ErrorKind::NotFound => TransportError::CommandNotFound { program },
            io::ErrorKind::PermissionDenied => TransportError::NotExecutable { program },
            _ => TransportError::Spawn {
                program,
                source: Arc::new(source),
            },
        }
    }

    /// Whether the program is a path to something, rather than a name or a path to nothing. A
    /// relative path counts from the server's directory, as the system has it.
    fn exists(&self) -> bool {
        let path = Path::new(&self.program);
        let here = self.directory.as_deref().unwrap_or(Path::new(""));
        path.components().count() > 1 && here.join(path).exists()
    }
}

/// Leaves out the values of variables and the arguments: they may hold secrets.
impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Command")
            .field("program", &self.program)
            .field("arguments", &self.arguments.len())
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}
