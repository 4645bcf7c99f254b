//! The files of the home: key, passport, whom it believes, what it has heard and seen.

use std::fs;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};

use mcps_client::error::ClientError;
use mcps_client::exit::Exit;
use mcps_client::feed::FILE as FEED;
use mcps_client::follower::Follower;
use mcps_client::home::{AuthorityPin, Home};
use mcps_client::tools::load_pins;
use mcps_core::clock::Timestamp;
use mcps_core::feed::Cursor;
use mcps_core::level::TrustLevel;
use mcps_core::passport::Passport;
use mcps_core::signer::Signer as _;
use mcps_core::trust::{ISSUE_SKEW, TrustBundle, TrustStore};

use super::super::output::{instant, length};
use super::finding::Findings;

/// What of a home can be gone on with.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) passport: Option<Passport>,
    pub(super) pin: Option<AuthorityPin>,
    /// How far its feed was followed.
    pub(super) heard: Option<Cursor>,
}

/// How to get a passport, for everything that ends there.
const ENROL: &str = "ask an operator for an enrolment token, then: mcps passport request --authority URL --enrolment-token-file FILE --name NAME";

/// Looks at all of it; what is missing keeps only what needs it from being looked at.
pub(super) fn look(home: &Home, now: Timestamp, found: &mut Findings) -> Kept {
    if !folder(home, found) {
        return Kept::default();
    }
    let kid = key(home, found);
    let passport = passport(home, kid.as_deref(), now, found);
    let (pin, bundle) = believed(home, found);
    if let (Some(passport), Some(bundle)) = (&passport, &bundle) {
        issuer(passport, bundle, now, found);
    }
    let heard = pin.as_ref().and_then(|pin| feed(home, pin, now, found));
    tools(home, found);
    Kept {
        passport,
        pin,
        heard,
    }
}

fn folder(home: &Home, found: &mut Findings) -> bool {
    let dir = home.dir().display();
    let mode = match fs::metadata(home.dir()) {
        Ok(data) if data.is_dir() => data.permissions().mode() & 0o777,
        Ok(_) => {
            let words = format!("{dir} is a file, not a folder");
            found.bad(
                "home-missing",
                Exit::NotFound,
                words,
                "name the folder with --home DIR or MCPS_HOME",
            );
            return false;
        }
        Err(error) => {
            let words = format!("there is no home at {dir}: {error}");
            let next = format!("name the right one with --home DIR or MCPS_HOME; or {ENROL}");
            found.bad("home-missing", Exit::NotFound, words, next);
            return false;
        }
    };
    // Whatever runs with this home makes the file, and replaces others beside it.
    let lock = home.path(".lock");
    let mut options = fs::OpenOptions::new();
    let opened = options
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&lock);
    match opened {
        Err(error) => {
            let words = format!("{} cannot be written: {error}", lock.display());
            let next = format!("give the folder to whoever runs this: chown -R \"$USER\" {dir}");
            found.bad("home-not-writable", Exit::Other, words, next);
        }
        Ok(_) if mode & 0o077 != 0 => {
            let words = format!("{dir} can be entered by others (mode {mode:o})");
            found.warn("home-open", words, format!("chmod 700 {dir}"));
        }
        Ok(_) => found.good("home", dir.to_string()),
    }
    true
}

fn key(home: &Home, found: &mut Findings) -> Option<String> {
    let words = |error: &ClientError| error.to_string();
    let path = home.path("key.pem");
    let path = path.display();
    match home.key() {
        Ok(key) => {
            let kid = key.public_key().key_id().to_string();
            found.good("key", kid.clone());
            return Some(kid);
        }
        Err(ClientError::Missing { .. }) => {
            let words = format!("there is no key at {path}");
            found.bad("key-missing", Exit::NotFound, words, ENROL);
        }
        Err(ClientError::KeyMode { mode, .. }) => {
            let words = format!("{path} can be read by others (mode {mode:o}), so nothing uses it");
            let next = format!(
                "chmod 600 {path}; if others have been on this machine: mcps passport rotate"
            );
            found.bad("key-open", Exit::Other, words, next);
        }
        Err(error) => {
            let next = "restore it from where you keep it, or make another: mcps keygen --force";
            found.bad("key-unusable", Exit::Refused, words(&error), next);
        }
    }
    None
}

fn passport(
    home: &Home,
    kid: Option<&str>,
    now: Timestamp,
    found: &mut Findings,
) -> Option<Passport> {
    let passport = match home.passport() {
        Ok(passport) => passport,
        Err(ClientError::Missing { path, .. }) => {
            let words = format!("there is no passport at {}", path.display());
            found.bad("passport-missing", Exit::NotFound, words, ENROL);
            return None;
        }
        Err(error) => {
            found.bad("passport-unusable", Exit::Refused, error.to_string(), ENROL);
            return None;
        }
    };
    let (issued, expires) = (passport.issued_at(), passport.expires_at());
    let own = passport.public_key().key_id().as_str();
    let (kind, level) = (passport.ext().map(|ext| ext.kind), passport.trust_level());
    let kind = kind.map_or_else(String::new, |kind| format!("{kind} "));
    let name = format!("{kind}{} at {level}", passport.agent_name());
    if kid.is_some_and(|kid| kid != own) {
        let words = format!("the passport of {name} is for the key {own}, not for the one here");
        let next = format!("bring that key back, or {ENROL}");
        found.bad("passport-of-other-key", Exit::Refused, words, next);
    } else if issued > now.plus(ISSUE_SKEW) {
        let words = format!("the passport of {name} is issued {}", instant(issued, now));
        let next = "set this machine's clock: timedatectl set-ntp true";
        found.bad("passport-not-yet-valid", Exit::Refused, words, next);
    } else if expires <= now {
        let words = format!("the passport of {name} expired {}", instant(expires, now));
        found.bad("passport-expired", Exit::Refused, words, ENROL);
    } else if now.since(issued) > expires.since(issued) / 4 * 3 {
        let words = format!(
            "the passport of {name} expires {}, and nothing has renewed it at half its life",
            instant(expires, now)
        );
        let next =
            "what runs with this home renews it by itself; if nothing does: mcps passport renew";
        found.warn("passport-not-renewed", words, next);
    } else {
        let words = format!("{name}, until {}", instant(expires, now));
        found.good("passport", words);
    }
    Some(passport)
}

fn believed(home: &Home, found: &mut Findings) -> (Option<AuthorityPin>, Option<TrustBundle>) {
    let pin = match home.authority() {
        Ok(pin) => pin,
        Err(ClientError::Missing { .. }) => {
            let words = "this home has pinned no authority";
            found.bad("authority-not-pinned", Exit::NotFound, words, ENROL);
            return (None, None);
        }
        Err(error) => {
            let next = format!("restore authority.json, or {ENROL}");
            found.bad(
                "authority-not-pinned",
                Exit::Refused,
                error.to_string(),
                next,
            );
            return (None, None);
        }
    };
    let kept = pin.root().and_then(|root| home.trust(&root));
    match kept {
        Ok(bundle) if bundle.authority() == pin.name => {
            let (name, root) = (&pin.name, bundle.signer());
            found.good(
                "trust",
                format!("{name}, key set {}, root key {root}", bundle.number()),
            );
            (Some(pin), Some(bundle))
        }
        Ok(bundle) => {
            let words = format!(
                "trust.json is of {}, and this home has pinned {}",
                bundle.authority(),
                pin.name
            );
            found.bad("trust-of-other-authority", Exit::Refused, words, MIXED);
            (Some(pin), None)
        }
        Err(ClientError::Missing { path, .. }) => {
            let words = format!("there is no key set at {}", path.display());
            found.bad("trust-missing", Exit::NotFound, words, ENROL);
            (Some(pin), None)
        }
        Err(error) => {
            let words = format!("{error}; the pinned root key is {}", pin.root_kid);
            found.bad("trust-of-other-authority", Exit::Refused, words, MIXED);
            (Some(pin), None)
        }
    }
}

/// What files of two authorities in one home ask for.
const MIXED: &str = "use a home of its own for each authority: name another with --home DIR and enrol there; \
     never replace the root key that is pinned before its operator has told you the new one";

fn issuer(passport: &Passport, bundle: &TrustBundle, now: Timestamp, found: &mut Findings) {
    let mut store = TrustStore::default();
    store.add_bundle(bundle, TrustLevel::L4);
    // An expired one may be well signed all the same, and one of tomorrow too.
    let at = now.clamp(
        passport.issued_at(),
        passport
            .issued_at()
            .max(passport.expires_at().minus(ISSUE_SKEW)),
    );
    match store.verify(passport, at) {
        Ok(standing) if standing.recognised => {}
        Ok(_) => {
            let (issuer, pinned) = (passport.issuer(), bundle.authority());
            let words = format!("the passport is by {issuer}, and this home has pinned {pinned}");
            found.bad("passport-of-other-authority", Exit::Refused, words, MIXED);
        }
        Err(refusal) => {
            let words = format!("the passport does not verify: {refusal}");
            found.bad("passport-of-other-authority", Exit::Refused, words, MIXED);
        }
    }
}

fn feed(home: &Home, pin: &AuthorityPin, now: Timestamp, found: &mut Findings) -> Option<Cursor> {
    let text = home.read(FEED).ok().flatten()?;
    let follower = match Follower::restore(&pin.name, &text) {
        Ok(follower) => follower,
        Err(error) => {
            let words = format!("{} cannot be used: {error}", home.path(FEED).display());
            let next = "remove it; whatever runs with this home starts from a snapshot then";
            found.warn("feed-unusable", words, next);
            return None;
        }
    };
    let at = follower.position().map(|at| at.cursor())?;
    let age = follower
        .freshness(now)
        .map(|freshness| freshness.age.as_secs());
    if let Some(wanted) = follower.wants() {
        let words = format!("something was amiss with the feed at {at}: a {wanted:?} is wanted");
        found.warn("feed-amiss", words, "see what: mcps feed watch --for 30s");
    } else {
        match follower.freshness(now) {
            Some(freshness) if !freshness.lapsed => {
                found.good(
                    "feed",
                    format!("at {at}, heard {} ago", length(age.unwrap_or_default())),
                );
            }
            _ => {
                let since =
                    age.map_or_else(|| "ever".to_owned(), |age| format!("for {}", length(age)));
                let words = format!(
                    "nothing was heard of revocations {since} (at {at}); what needs a higher level is refused"
                );
                let next = "usual while nothing runs with this home; else see whether it can be followed: mcps feed watch --for 10s";
                found.warn("feed-stale", words, next);
            }
        }
    }
    Some(at)
}

fn tools(home: &Home, found: &mut Findings) {
    match load_pins(home) {
        Ok(pins) => {
            let held = pins
                .iter()
                .filter(|(_, _, pin)| pin.change.is_some())
                .count();
            if held > 0 {
                let words =
                    format!("{held} tools changed after they were first seen, and are withheld");
                found.warn("tools-held-back", words, "look at them: mcps tool list");
            }
        }
        Err(error) => {
            let next = "restore pins.json, or remove it and look at every tool again";
            found.bad("pins-unusable", Exit::Refused, error.to_string(), next);
        }
    }
}
