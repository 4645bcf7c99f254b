//! One end of a signed connection, sealed by hand: every member of the envelope can be chosen.

use std::path::Path;

use mcps_client::home::Home;
use mcps_core::clock::{Clock as _, SystemClock, Timestamp};
use mcps_core::envelope::{self, Carrier, Fields, Sealed};
use mcps_core::key::SecretKey;
use mcps_core::message::Message;
use mcps_core::passport::Passport;
use mcps_core::random::{SystemRandom, hex16};
use mcps_core::stream::Stream;

/// Reads a line with a native envelope.
pub(crate) fn parsed(line: &str) -> Sealed {
    Sealed::read(Message::parse(line).unwrap(), Carrier::Native).unwrap()
}

/// The time, `off_ms` milliseconds from now.
pub(crate) fn time(off_ms: i64) -> Timestamp {
    Timestamp::from_millis(SystemClock.now().as_millis() + off_ms)
}

/// The line with something in it changed, which must be there, once.
#[track_caller]
pub(crate) fn changed(line: &str, from: &str, to: &str) -> String {
    assert_eq!(line.matches(from).count(), 1, "`{from}` in {line}");
    line.replace(from, to)
}

/// An end that signs.
pub(crate) struct Hand {
    pub(crate) key: SecretKey,
    pub(crate) passport: Passport,
    /// Whom its messages are for.
    pub(crate) aud: String,
    pub(crate) session: String,
    /// What it sent up to now.
    pub(crate) sent: Stream,
    /// Whether the passport comes along with the next message.
    pub(crate) shows_passport: bool,
    /// How far its clock is off.
    pub(crate) off_ms: i64,
}

impl Hand {
    /// With the key and the passport of a home.
    pub(crate) fn of(home: &Path) -> Self {
        let home = Home::new(home);
        Self::with(home.key().unwrap(), home.passport().unwrap())
    }

    /// With that key and passport.
    pub(crate) fn with(key: SecretKey, passport: Passport) -> Self {
        Self {
            key,
            passport,
            aud: "stdio:*".to_owned(),
            session: hex16(&SystemRandom).unwrap(),
            sent: Stream::new(),
            shows_passport: true,
            off_ms: 0,
        }
    }

    /// Speaks as a client to the server of that home.
    pub(crate) fn speaking_to(mut self, home: &Path) -> Self {
        self.aud = format!("stdio:{}", Home::new(home).passport().unwrap().id());
        self
    }

    /// The members of its next message's envelope, all as they should be.
    pub(crate) fn fields(&self) -> Fields {
        let now = time(self.off_ms);
        Fields {
            passport_id: self.passport.id().clone(),
            timestamp: now.to_string(),
            stamped: now,
            nonce: hex16(&SystemRandom).unwrap(),
            aud: self.aud.clone(),
            session: self.session.clone(),
            passport: self.shows_passport.then(|| Box::new(self.passport.clone())),
            req: None,
            position: Some(self.sent.next()),
            last: false,
            act: None,
            ath: None,
        }
    }

    /// Seals a message as it should be.
    pub(crate) fn seal(&mut self, text: &str) -> String {
        let fields = self.fields();
        self.seal_with(text, &fields)
    }

    /// Seals a message with those members, and counts it.
    pub(crate) fn seal_with(&mut self, text: &str, fields: &Fields) -> String {
        let message = Message::parse(text).unwrap();
        let signed = envelope::seal(message, Carrier::Native, fields, &self.key).unwrap();
        self.sent.advance(signed.digest);
        signed.text
    }

    /// Seals a message with those members, of which the other end will make nothing: the stream
    /// goes on as if it had not been sent.
    pub(crate) fn forge(&self, text: &str, fields: &Fields) -> String {
        let message = Message::parse(text).unwrap();
        let signed = envelope::seal(message, Carrier::Native, fields, &self.key).unwrap();
        signed.text
    }

    /// The members of the envelope of an answer to `request`, all as they should be.
    pub(crate) fn fields_for(&self, request: &Sealed) -> Fields {
        Fields {
            aud: request.fields().passport_id.to_string(),
            session: request.fields().session.clone(),
            req: Some(request.as_req()),
            ..self.fields()
        }
    }

    /// Seals an answer to `request` as it should be.
    pub(crate) fn answer(&mut self, request: &Sealed, text: &str) -> String {
        let fields = self.fields_for(request);
        self.seal_with(text, &fields)
    }
}
