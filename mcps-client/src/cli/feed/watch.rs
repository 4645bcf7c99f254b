//! `mcps feed watch`.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use mcps_client::error::ClientError;
use mcps_client::feed::{Feed, Trouble, Watcher};
use mcps_client::follower::{Alert, State};
use mcps_client::options::duration;
use mcps_client::terminal::printable;
use mcps_client::trust_source::{Freshness, TrustSource};
use mcps_core::clock::Clock;
use mcps_core::feed::Event;
use mcps_core::refusal::Refusal;
use tokio::sync::watch;

use super::super::output::{OutputOptions, note};
use super::super::{CliError, Machine};
use super::words;

/// What `-o json` is for, for `--help`.
const RECORDING: &str = "\
With -o json the frames that were verified are printed as they came, one a line, and all else goes to
standard error. That is a recording, which is proven without a network:
  mcps feed watch -o json > feed.jsonl
  mcps feed verify feed.jsonl
Ends with exit code 5 when the feed could not be followed.";

/// What `mcps feed watch` can be told.
#[derive(Args, Debug)]
#[command(after_help = RECORDING)]
pub(crate) struct Watch {
    /// Address of the trust authority [default: this home's]. Its keys are those that this home has
    /// pinned.
    #[arg(long, env = "MCPS_AUTHORITY", value_name = "URL")]
    authority: Option<String>,
    /// End after so many events.
    #[arg(long, value_name = "NUMBER")]
    count: Option<usize>,
    /// End after so long.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    time: Option<Duration>,
    #[command(flatten)]
    output: OutputOptions,
}

impl Watch {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let home = machine.home()?;
        let (clock, random) = (Arc::clone(&machine.clock), Arc::clone(&machine.random));
        let trust = TrustSource::load_at(
            &home,
            self.authority.as_deref(),
            Freshness::default(),
            clock,
            random,
        )?;
        let (done, mut ended) = watch::channel(false);
        let mut printer = Printer {
            clock: Arc::clone(&machine.clock),
            records: self.output.is_json(),
            left: self.count,
            state: None,
            done,
        };
        let time = async {
            match self.time {
                Some(time) => tokio::time::sleep(time).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            never = trust.watch(&home, &mut printer) => {
                return Err(never.map_or_else(ClientError::from, |never| match never {}).into());
            }
            // The sender is the printer's, which lives as long.
            _ = ended.wait_for(|ended| *ended) => {}
            () = time => {}
        }
        let now = machine.clock.now();
        let state = trust.feed().map(|feed| feed.state(now));
        match state {
            Some(State::Live | State::Lagging) => Ok(()),
            _ if self.count.is_some() && *ended.borrow() => Ok(()),
            _ => Err(ClientError::from(Refusal::AuthorityUnreachable).into()),
        }
    }
}

/// Prints what happens.
struct Printer {
    clock: Arc<dyn Clock>,
    records: bool,
    /// Events until the end.
    left: Option<usize>,
    state: Option<State>,
    done: watch::Sender<bool>,
}

impl Printer {
    /// A line of the result. When nobody reads it any more, that is the end.
    fn line(&self, text: &str) {
        let mut out = io::stdout().lock();
        if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
            self.done.send_replace(true);
        }
    }

    /// A word about the result.
    fn word(&self, text: &str) {
        if self.records {
            note(text);
        } else {
            self.line(&printable(&format!("{}  {text}", self.clock.now())));
        }
    }
}

impl Watcher for Printer {
    fn followed(&mut self, text: &[u8], news: &[Event], feed: &Feed) {
        if self.records {
            // Line ends stand between tokens only, where a blank is as good.
            let text = String::from_utf8_lossy(text).replace(['\n', '\r'], " ");
            self.line(&text);
        } else {
            let epoch = feed.position().map_or(0, |at| at.epoch);
            for event in news {
                self.line(&printable(&words::event(epoch, event, self.clock.now())));
            }
        }
        self.left = self.left.map(|left| left.saturating_sub(news.len()));
        if self.left == Some(0) {
            self.done.send_replace(true);
        }
    }

    fn refused(&mut self, alert: Alert, _: &Feed) {
        self.word(&format!("REFUSED  {alert}"));
    }

    fn failed(&mut self, trouble: &Trouble, _: &Feed) {
        self.word(&format!("no feed  {trouble}"));
    }

    fn stands(&mut self, state: State, feed: &Feed) {
        if self.state.replace(state) == Some(state) {
            return;
        }
        let at = feed.position().map(|at| format!("  at {}", at.cursor()));
        self.word(&format!(
            "{}{}",
            words::state(state),
            at.unwrap_or_default()
        ));
    }
}
