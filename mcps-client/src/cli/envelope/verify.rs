//! `mcps envelope verify`: the checks of PROTOCOL §4.3, in their order, on one message.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use mcps_client::home::Home;
use mcps_client::link::line_limits;
use mcps_client::options::duration;
use mcps_client::verify::Window;
use mcps_core::clock::Timestamp;
use mcps_core::envelope::{Carrier, Sealed};
use mcps_core::message::{Kind, Message};
use mcps_core::passport::{MAX_BYTES, Passport};
use mcps_core::refusal::Refusal;

use super::super::checks::{About, Checks};
use super::super::input;
use super::super::judge::Believed;
use super::super::output::{OutputOptions, instant};
use super::super::{CliError, Machine, passport};
use super::describe;

/// What `mcps envelope verify` can be told.
#[derive(Args, Debug)]
pub(crate) struct Verify {
    /// File with the message, one JSON-RPC object; - reads standard input.
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    /// File with the signer's passport, for messages that name it by id only.
    #[arg(long, value_name = "FILE")]
    passport: Option<PathBuf>,
    /// Judge the message as of this time, as in 2026-11-21T03:34:34Z [default: now].
    #[arg(long, value_name = "TIME", value_parser = instant_of)]
    at: Option<Timestamp>,
    /// How old it may be.
    #[arg(long, value_name = "TIME", default_value = "300s", value_parser = duration)]
    window: Duration,
    /// Whom it must be for, as in stdio:asp_… or a server's address [default: this home's passport].
    #[arg(long, value_name = "AUDIENCE")]
    audience: Option<String>,
    /// Ask the authority whether the passport is revoked, and for the passport if it is not at hand.
    #[arg(long)]
    online: bool,
    #[command(flatten)]
    output: OutputOptions,
}

fn instant_of(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text)
        .ok_or_else(|| "write it like 2026-11-21T03:34:34Z (RFC 3339, UTC)".to_owned())
}

impl Verify {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let home = machine.home()?;
        let believed = if self.online {
            Believed::load_online(&home).await?
        } else {
            Believed::load(&home)?
        };
        let bytes = input::read(&self.file, line_limits().bytes)?;
        let mut checks = Checks::default();
        let (sealed, carrier) = match read(bytes) {
            Ok(read) => read,
            Err(refusal) => {
                checks.fails("structure", refusal);
                let about = About {
                    noun: "message",
                    ..About::default()
                };
                return checks.conclude(&about, self.output);
            }
        };
        checks.holds(
            "structure",
            "strict JSON, and every member of the envelope as it must be",
        );
        let now = machine.clock.now();
        let at = self.at.unwrap_or(now);
        self.audience(&sealed, &home, &mut checks);
        self.window(&sealed, at, &mut checks);
        match self
            .passport(&sealed, &home, &believed, &mut checks)
            .await?
        {
            Some(passport) => {
                believed.judge(&passport, at, now, &mut checks);
                if self.online {
                    believed.ask(passport.id(), machine, &mut checks).await;
                } else {
                    checks.open("revocation", "not asked; ask with --online");
                }
                signature(&sealed, &passport, &mut checks);
            }
            None => checks.open("signature", "there is no key to check it with"),
        }
        checks.open(
            "replay",
            "whether its nonce was used before is known to its receiver alone",
        );
        checks.conclude(&describe::about(&sealed, carrier, now), self.output)
    }

    fn audience(&self, sealed: &Sealed, home: &Home, checks: &mut Checks) {
        let aud = sealed.fields().aud.as_str();
        if aud.is_empty() {
            return checks.open(
                "audience",
                "a bare draft-00 message is for nobody in particular",
            );
        }
        if let Some(expected) = &self.audience {
            if aud == expected {
                return checks.holds("audience", aud);
            }
            return checks.fails_as(
                "audience",
                Refusal::WrongAudience,
                format!("it is for {aud}, not for {expected}"),
            );
        }
        let own = home
            .passport()
            .ok()
            .filter(|own| aud.strip_prefix("stdio:").unwrap_or(aud) == own.id().as_str());
        match own {
            Some(own) => checks.holds("audience", format!("{}, this home's passport", own.id())),
            None if aud == "stdio:*" => checks.open(
                "audience",
                "any server on stdio, as a first message may say",
            ),
            None => checks.open(
                "audience",
                format!("{aud}, which is not this home; name whom you expect with --audience"),
            ),
        }
    }

    fn window(&self, sealed: &Sealed, at: Timestamp, checks: &mut Checks) {
        let stamped = sealed.fields().stamped;
        let window = Window {
            past: self.window,
            ..Window::default()
        };
        if stamped <= at.plus(window.future) && stamped >= at.minus(window.past) {
            return checks.holds("time", format!("signed at {}", instant(stamped, at)));
        }
        let window_ms = i64::try_from(window.past.as_millis()).unwrap_or(i64::MAX);
        let off = format!(
            "signed at {}; judge an old message with --at {stamped}",
            instant(stamped, at)
        );
        checks.fails_as(
            "time",
            Refusal::OutOfWindow {
                off_ms: stamped.since(at),
                window_ms,
            },
            off,
        );
    }

    /// The signer's passport: as given, as it came along, this home's own, or the authority's copy.
    async fn passport(
        &self,
        sealed: &Sealed,
        home: &Home,
        believed: &Believed,
        checks: &mut Checks,
    ) -> Result<Option<Passport>, CliError> {
        let fields = sealed.fields();
        let (found, from) = if let Some(path) = &self.passport {
            let bytes = input::read(path, 8 * MAX_BYTES)?;
            let read = std::str::from_utf8(&bytes)
                .map_err(|_| Refusal::Passport("not UTF-8"))
                .and_then(passport::read);
            (Some(read), "from --passport")
        } else if let Some(passport) = &fields.passport {
            (Some(Ok(passport.as_ref().clone())), "came with the message")
        } else if let Some(own) = home
            .passport()
            .ok()
            .filter(|own| own.id() == &fields.passport_id)
        {
            (Some(Ok(own)), "this home's own")
        } else if self.online {
            let text = believed.authority()?.show(&fields.passport_id).await?;
            (Some(passport::read(&text)), "from the authority")
        } else {
            (None, "")
        };
        match found {
            Some(Ok(passport)) if passport.id() != &fields.passport_id => {
                let refusal = Refusal::Passport("it is another passport than the message names");
                checks.fails("passport", refusal);
                Ok(None)
            }
            Some(Ok(passport)) => {
                let kind = passport
                    .ext()
                    .map(|ext| format!("{} ", ext.kind))
                    .unwrap_or_default();
                checks.holds(
                    "passport",
                    format!("{from}: the {kind}{}", passport.agent_name()),
                );
                Ok(Some(passport))
            }
            Some(Err(refusal)) => {
                checks.fails("passport", refusal);
                Ok(None)
            }
            None => {
                let detail = "the message names it by id only; give it with --passport FILE, or ask the authority with --online";
                checks.fails_as("passport", Refusal::PassportWanted, detail);
                Ok(None)
            }
        }
    }
}

/// Takes the message apart, by whichever carrier its envelope is in.
fn read(bytes: Vec<u8>) -> Result<(Sealed, Carrier), Refusal> {
    let message = Message::parse_with(bytes, line_limits())?;
    let carrier = if message.root().get("mcps").is_some() {
        Carrier::Draft00
    } else {
        Carrier::Native
    };
    Ok((Sealed::read(message, carrier)?, carrier))
}

fn signature(sealed: &Sealed, passport: &Passport, checks: &mut Checks) {
    let kid = passport.public_key().key_id();
    match sealed.verify(passport.public_key()) {
        Ok(()) => {
            checks.holds("signature", format!("by the passport's key {kid}"));
            checks.holds("message hash", "the message is what was signed");
        }
        Err(refusal) => {
            let what = if sealed.message().kind() == Kind::Request {
                "call"
            } else {
                "message"
            };
            checks.fails_as(
                "signature",
                refusal,
                format!("it is not one by the passport's key {kid} over this {what}"),
            );
            checks.open(
                "message hash",
                "without a good signature nothing vouches for the message",
            );
        }
    }
}
