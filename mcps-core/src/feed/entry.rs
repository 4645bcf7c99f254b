//! One thing in force, as snapshots and stored positions list it.

use super::action::{DECIDING, PUBLISHING, QUARANTINED, REACHES, SAYING, STOPPED, SUBJECTS};
use super::member::{digest, only, text, time};
use super::{FeedError, Target, TargetKind};
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::json::Value;
use crate::level::TrustLevel;

/// What holds something back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Revoked for good.
    Revoked,
    /// Suspended, until an instant or until it is taken back.
    Suspended(Option<Timestamp>),
    /// Held back until an operator approves.
    Quarantined,
    /// Stopped by an operator.
    Stopped,
    /// Named by an event that was not understood. Followers store it; no snapshot has it.
    Unclear,
    /// At this level now.
    Level(TrustLevel),
    /// Decides by this policy, of which this is the SHA-256.
    Policy(Digest),
    /// Its operators have said this of tools in quarantine, of which this is the SHA-256.
    Verdicts(Digest),
    /// Its current manifest says this, of which this is the SHA-256.
    Manifest(Digest),
}

impl Held {
    /// Its name in JSON: `revoked`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Suspended(_) => "suspended",
            Self::Quarantined => "quarantined",
            Self::Stopped => "stopped",
            Self::Unclear => "unclear",
            Self::Level(_) => "level",
            Self::Policy(_) => "policy",
            Self::Verdicts(_) => "verdicts",
            Self::Manifest(_) => "manifest",
        }
    }

    /// Whether there is an event that holds something of this kind so.
    fn fits(self, kind: TargetKind) -> bool {
        match self {
            Self::Revoked => REACHES.contains(&kind) || kind == TargetKind::Tool,
            Self::Suspended(_) => REACHES.contains(&kind),
            Self::Quarantined => QUARANTINED.contains(&kind),
            Self::Stopped => STOPPED.contains(&kind),
            Self::Unclear => true,
            Self::Level(_) => SUBJECTS.contains(&kind),
            Self::Policy(_) => DECIDING.contains(&kind),
            Self::Verdicts(_) => SAYING.contains(&kind),
            Self::Manifest(_) => PUBLISHING.contains(&kind),
        }
    }
}

/// One thing in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is about.
    pub target: Target,
    /// What holds it back.
    pub held: Held,
}

impl Entry {
    /// Reads an entry. Unknown members refuse it, and a target that no event holds so.
    ///
    /// # Errors
    /// [`FeedError::Member`] or [`FeedError::UnknownMember`].
    pub fn read(value: Value<'_>) -> Result<Self, FeedError> {
        let object = value.as_object().ok_or(FeedError::Member("entries"))?;
        let target = object.get("target").ok_or(FeedError::Member("target"))?;
        let target = Target::read(target)?;
        let (held, members): (Held, &[&str]) = match text(object, "held")?.as_str() {
            "revoked" => (Held::Revoked, &["held", "target"]),
            "suspended" => {
                let until = object.get("until").map(|_| time(object, "until"));
                let held = Held::Suspended(until.transpose()?);
                (held, &["held", "target", "until"])
            }
            "quarantined" => (Held::Quarantined, &["held", "target"]),
            "stopped" => (Held::Stopped, &["held", "target"]),
            "unclear" => (Held::Unclear, &["held", "target"]),
            "level" => {
                let level = object.get("level").and_then(Value::as_i64);
                let level = level.and_then(TrustLevel::from_number);
                let level = level.ok_or(FeedError::Member("level"))?;
                (Held::Level(level), &["held", "level", "target"])
            }
            "policy" => {
                let held = Held::Policy(digest(object, "policy")?);
                (held, &["held", "policy", "target"])
            }
            "verdicts" => {
                let held = Held::Verdicts(digest(object, "verdicts")?);
                (held, &["held", "target", "verdicts"])
            }
            "manifest" => {
                let held = Held::Manifest(digest(object, "manifest")?);
                (held, &["held", "manifest", "target"])
            }
            _ => return Err(FeedError::Member("held")),
        };
        if !only(object, members) {
            return Err(FeedError::UnknownMember);
        }
        let fits = held.fits(target.kind());
        fits.then_some(Self { target, held })
            .ok_or(FeedError::Member("target"))
    }

    /// Writes it as JSON, in canonical form.
    pub fn write(&self, out: &mut String) {
        out.push_str(r#"{"held":""#);
        out.push_str(self.held.as_str());
        out.push('"');
        if let Held::Level(level) = self.held {
            out.push_str(&format!(r#","level":{}"#, level.number()));
        }
        if let Held::Policy(policy) = self.held {
            out.push_str(&format!(r#","policy":"{policy}""#));
        }
        if let Held::Manifest(manifest) = self.held {
            out.push_str(&format!(r#","manifest":"{manifest}""#));
        }
        out.push_str(r#","target":"#);
        out.push_str(&self.target.to_json());
        if let Held::Suspended(Some(until)) = self.held {
            out.push_str(&format!(r#","until":"{until}""#));
        }
        if let Held::Verdicts(verdicts) = self.held {
            out.push_str(&format!(r#","verdicts":"{verdicts}""#));
        }
        out.push('}');
    }
}

#[cfg(test)]
mod tests;
