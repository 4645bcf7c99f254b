//! Records as lines for whoever gathers them: what was written, in its order, and never waited for.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::thread::{Builder, JoinHandle, sleep};
use std::time::{Duration, Instant};

/// Lines that wait to be written. What comes beyond is left out; it is in the segments.
const QUEUE: usize = 4096;
/// How long lines gather once some were written: under load nobody who puts one has to wake the writer.
const GATHER: Duration = Duration::from_millis(20);
/// How long the last of them may take.
const LAST: Duration = Duration::from_secs(2);

/// Writes lines to a file or to standard output.
#[derive(Debug)]
pub(super) struct Lines {
    lines: Option<SyncSender<String>>,
    writer: Option<JoinHandle<()>>,
}

impl Lines {
    /// To a file, at its end, or to standard output.
    pub(super) fn open(path: Option<&Path>) -> io::Result<Self> {
        match path {
            None => Self::to(io::stdout()),
            Some(path) => Self::to(OpenOptions::new().create(true).append(true).open(path)?),
        }
    }

    fn to(out: impl Write + Send + 'static) -> io::Result<Self> {
        let (lines, queue) = mpsc::sync_channel(QUEUE);
        let writer = Builder::new()
            .name("lines".to_owned())
            .spawn(move || write(&queue, out))?;
        Ok(Self {
            lines: Some(lines),
            writer: Some(writer),
        })
    }

    pub(super) fn put(&self, line: String) {
        let sent = self.lines.as_ref().map(|lines| lines.try_send(line));
        if let Some(Err(TrySendError::Full(_))) = sent {
            tracing::error!("records come faster than their lines can be written; one is left out");
        }
    }
}

/// What was put before it is written, unless nobody takes it.
impl Drop for Lines {
    fn drop(&mut self) {
        self.lines = None;
        let Some(writer) = self.writer.take() else {
            return;
        };
        let until = Instant::now() + LAST;
        while !writer.is_finished() {
            if Instant::now() > until {
                tracing::error!(
                    "the last lines of records are not written; the records themselves are in the segments"
                );
                return;
            }
            sleep(Duration::from_millis(5));
        }
        drop(writer.join());
    }
}

fn write(lines: &Receiver<String>, mut out: impl Write) {
    while let Ok(first) = lines.recv() {
        let mut text = first + "\n";
        for line in lines.try_iter().take(QUEUE) {
            text.push_str(&line);
            text.push('\n');
        }
        let wrote = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        if let Err(error) = wrote {
            tracing::error!(error = %error, "lines of records cannot be written; the records themselves are in the segments: {error}");
        }
        sleep(GATHER);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes nothing, ever.
    struct Stuck;

    impl Write for Stuck {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            loop {
                std::thread::park();
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn whoever_takes_no_lines_does_not_hold_up_the_end() {
        let lines = Lines::to(Stuck).unwrap();
        for _ in 0..2 * QUEUE {
            lines.put("line".to_owned());
        }
        drop(lines);
    }
}
