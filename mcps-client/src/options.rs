//! Options that `mcps` and `mcps-wrap` share, so that both read them alike.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use mcps_core::envelope::Carrier;

use crate::logging::{self, LogFormat};
use crate::trust_source::{CutOff, Freshness};
use crate::verify::Window;

/// Which home directory to use.
#[derive(Args, Clone, Debug)]
pub struct HomeOptions {
    /// Directory of the key, the passport and whom to believe [default: ~/.config/mcps].
    #[arg(
        long,
        env = "MCPS_HOME",
        value_name = "DIR",
        global = true,
        help_heading = "Global options"
    )]
    pub home: Option<PathBuf>,
}

impl HomeOptions {
    /// The directory: as asked for, else `mcps` in `XDG_CONFIG_HOME`, else in `~/.config`. `None`
    /// when none of these is known.
    #[must_use]
    pub fn dir(
        &self,
        xdg_config_home: Option<PathBuf>,
        user_home: Option<PathBuf>,
    ) -> Option<PathBuf> {
        // Relative paths in XDG variables are to be ignored (XDG Base Directory Specification 0.8).
        let xdg = xdg_config_home.filter(|path| path.is_absolute());
        let config =
            || xdg.or_else(|| Some(user_home.filter(|home| home.is_absolute())?.join(".config")));
        self.home.clone().or_else(|| Some(config()?.join("mcps")))
    }
}

/// How much is logged, and how. Log lines go to standard error.
#[derive(Args, Clone, Debug)]
pub struct LogOptions {
    /// How log lines on standard error look.
    #[arg(
        long,
        env = "MCPS_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text",
        global = true,
        help_heading = "Global options"
    )]
    pub log_format: LogFormat,
    /// Which log lines: error, warn, info, debug, or by module as in `warn,mcps_client=debug`.
    #[arg(long, env = "MCPS_LOG", value_name = "LEVEL", value_parser = log_level, global = true, help_heading = "Global options")]
    pub log_level: Option<String>,
}

impl LogOptions {
    /// Starts logging, at `level` unless another was asked for.
    pub fn start(&self, level: &str) {
        logging::start(self.log_format, self.log_level.as_deref().unwrap_or(level));
    }
}

fn log_level(text: &str) -> Result<String, String> {
    match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err("write error, warn, info, debug or trace".to_owned()),
    }
}

/// How messages are carried and how strictly they are judged.
#[derive(Args, Clone, Debug)]
pub struct LinkOptions {
    /// How signatures travel: native (in `_meta`) or draft-00 (at the top level). Both ends must
    /// agree.
    #[arg(long, value_name = "CARRIER", default_value_t = Carrier::Native)]
    pub carrier: Carrier,
    /// How old a message may be: 30s to 1h.
    #[arg(long, value_name = "TIME", default_value = "300s", value_parser = window)]
    pub window: Duration,
    /// How long an answer of the authority about revocation is used before it is asked again; 0
    /// asks at every message, else it is asked only while its revocation feed cannot be followed.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub status_refresh: Duration,
    /// What goes on when the authority cannot be heard: by `levels`, each as long as what was last
    /// heard is fresh enough for it (L4 60 s, L3 15 min, L2 1 h, L1 24 h); or `refuse` all from L2
    /// on as soon as its word has lapsed, half a minute by default.
    #[arg(long, value_name = "HOW", default_value = "levels")]
    pub when_cut_off: CutOff,
}

impl LinkOptions {
    /// The window around a message's timestamp.
    #[must_use]
    pub fn window(&self) -> Window {
        Window {
            past: self.window,
            ..Window::default()
        }
    }

    /// How often the authority is asked.
    #[must_use]
    pub fn freshness(&self) -> Freshness {
        Freshness {
            refresh: self.status_refresh,
            cut_off: self.when_cut_off,
            ..Freshness::default()
        }
    }
}

/// Reads a length of time: `45s`, `30m`, `1h`, `90d`, or a number of seconds.
///
/// # Errors
/// What to write instead.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || {
        format!("`{text}` is not a length of time; write 45s, 30m, 1h, 90d or a number of seconds")
    };
    let (digits, unit) = match text.char_indices().last() {
        Some((at, 's')) => (text.get(..at), 1),
        Some((at, 'm')) => (text.get(..at), 60),
        Some((at, 'h')) => (text.get(..at), 3600),
        Some((at, 'd')) => (text.get(..at), 86_400),
        _ => (Some(text), 1),
    };
    let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let number = digits.and_then(|digits| digits.parse::<u64>().ok());
    let seconds = number.and_then(|number| number.checked_mul(unit));
    seconds.map(Duration::from_secs).ok_or_else(wrong)
}

/// The window's bounds (PROTOCOL §4.3).
fn window(text: &str) -> Result<Duration, String> {
    let window = duration(text)?;
    if (30..=3600).contains(&window.as_secs()) {
        Ok(window)
    } else {
        Err("write a time from 30s to 1h".to_owned())
    }
}

#[cfg(test)]
mod tests;
