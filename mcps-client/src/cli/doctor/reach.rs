//! The authority: whether it can be reached, is the pinned one, is ready, has the same time, and stands by
//! this home's passport.

use mcps_client::authority::AuthorityClient;
use mcps_client::error::ClientError;
use mcps_client::exit::Exit;
use mcps_client::feed::Wire as _;
use mcps_core::clock::Timestamp;
use mcps_core::feed::Snapshot;
use mcps_core::passport::Passport;
use mcps_core::random::hex16;
use mcps_core::status::{State, Status};
use mcps_core::trust::TrustBundle;

use super::super::Machine;
use super::finding::Findings;
use super::kept::Kept;
use super::spoken::{self, Spoken};

/// Clocks further apart than this are worth a word; messages are refused from the second on.
const SKEW_MS: (u64, u64) = (20_000, 60_000);

/// Looks at the authority; it, if it is one that can be asked further.
pub(super) async fn look(
    url: &str,
    kept: &Kept,
    machine: &Machine,
    found: &mut Findings,
) -> Option<AuthorityClient> {
    let authority = match AuthorityClient::new(url) {
        Ok(authority) => authority,
        Err(error) => {
            let next = "write it like http://127.0.0.1:7300, with --authority URL";
            found.bad("authority-address", Exit::Usage, error.to_string(), next);
            return None;
        }
    };
    let bundle = match authority.trust().await {
        Ok(bundle) => bundle,
        Err(error) => {
            silent(url, &error, found).await;
            return None;
        }
    };
    clock(&authority, machine.clock.now(), found).await;
    if !expected(&bundle, kept, url, found) {
        return None;
    }
    match authority.ready().await {
        Ok(()) => found.good("authority", format!("{} at {url}", bundle.authority())),
        Err(error) => {
            let next = "look at its log, and on its machine: mcps-authority doctor";
            found.bad("authority-not-ready", Exit::Other, error.to_string(), next);
        }
    }
    if let Some(passport) = &kept.passport {
        standing(&authority, &bundle, passport, machine, found).await;
    }
    position(&authority, &bundle, kept, found).await;
    Some(authority)
}

/// Why nothing was heard, or something else than an authority.
async fn silent(url: &str, error: &ClientError, found: &mut Findings) {
    let ClientError::Unreachable { why, .. } = error else {
        let words = format!("what answers at {url} is no trust authority: {error}");
        let next = "check the port: an authority listens at 7300 unless it was told otherwise, a gateway at 8443";
        found.bad("authority-is-none", Exit::Usage, words, next);
        return;
    };
    if why.contains("certificate") {
        let words = format!("{url}: {why}");
        let next = "name the file of who certified it: SSL_CERT_FILE=ca.pem mcps doctor";
        found.bad("authority-certificate", Exit::Other, words, next);
        return;
    }
    let parsed = reqwest::Url::parse(url).ok();
    let host = parsed.as_ref().and_then(|url| url.host_str());
    let port = parsed.as_ref().and_then(|url| url.port_or_known_default());
    let (host, port) = (host.unwrap_or_default(), port.unwrap_or_default());
    let spoken = spoken::at(host.trim_matches(['[', ']']), port).await;
    let other = |scheme: &str, is: &str| {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        (
            format!("{is} is spoken at {host}:{port}, and the address says otherwise: {url}"),
            format!("write {scheme}://{rest}: with --authority, or in the home's authority.json"),
        )
    };
    match (spoken, url.starts_with("https:")) {
        (Spoken::Clear, true) => {
            let (words, next) = other("http", "HTTP without TLS");
            found.bad("authority-scheme", Exit::Usage, words, next);
        }
        (Spoken::Other, false) => {
            let (words, next) = other("https", "something else than HTTP, so probably TLS,");
            found.bad("authority-scheme", Exit::Usage, words, next);
        }
        (Spoken::Nobody, _) => {
            let words = format!("nobody answers at {host}:{port}");
            let next = format!(
                "start it: mcps-authority serve --listen {host}:{port}; or name where it is with --authority URL"
            );
            found.bad("authority-unreachable", Exit::Other, words, next);
        }
        _ => {
            let words = format!("{url}: {why}");
            let next = format!("see whether it is well: curl -i {url}/readyz");
            found.bad("authority-unreachable", Exit::Other, words, next);
        }
    }
}

async fn clock(authority: &AuthorityClient, now: Timestamp, found: &mut Findings) {
    let Ok(Some(theirs)) = authority.date().await else {
        return;
    };
    let off = now.since(theirs);
    let (size, side) = (
        off.unsigned_abs(),
        if off < 0 { "behind" } else { "ahead of" },
    );
    let words = format!(
        "this machine's clock is {} s {side} the authority's",
        size / 1000
    );
    let next = "set both by NTP: timedatectl set-ntp true";
    if size >= SKEW_MS.1 {
        let words = format!("{words}; messages further off than 60 s are refused");
        found.bad("clock-skew", Exit::Other, words, next);
    } else if size >= SKEW_MS.0 {
        found.warn("clock-skew", words, next);
    } else {
        found.good("clock", "within 20 s of the authority's");
    }
}

/// Whether it is the one that this home has pinned.
fn expected(bundle: &TrustBundle, kept: &Kept, url: &str, found: &mut Findings) -> bool {
    let Some(pin) = &kept.pin else {
        let (name, root) = (bundle.authority(), bundle.signer());
        found.good(
            "authority-keys",
            format!("{name}, root key {root}; nothing is pinned yet"),
        );
        return true;
    };
    let follows = pin.root().is_ok_and(|root| bundle.verify(&root).is_ok());
    if follows && bundle.authority() == pin.name {
        return true;
    }
    let words = format!(
        "{url} is {} with the root key {}, and this home has pinned {} with {}",
        bundle.authority(),
        bundle.signer(),
        pin.name,
        pin.root_kid
    );
    let next = "it is another authority, or somebody stands in between: do not go on before its operator has told you its root key; \
         then enrol in a home of its own: mcps --home DIR passport request --root KEYID …";
    found.bad("authority-other-root", Exit::Refused, words, next);
    false
}

/// What it says of this home's passport, signed.
async fn standing(
    authority: &AuthorityClient,
    bundle: &TrustBundle,
    passport: &Passport,
    machine: &Machine,
    found: &mut Findings,
) {
    let Ok(nonce) = hex16(machine.random.as_ref()) else {
        return;
    };
    let text = authority.status_text(passport.id(), &nonce).await;
    let now = machine.clock.now();
    let status = text.and_then(|text| {
        let status = Status::verify(&text, bundle, passport.id(), &nonce, now);
        status.map_err(ClientError::from)
    });
    let status = match status {
        Ok(status) => status,
        Err(error) => {
            let words = format!("it does not say how the passport stands: {error}");
            found.warn("passport-status", words, "mend what is said above first");
            return;
        }
    };
    let why = status
        .reason
        .map_or_else(String::new, |reason| format!(" ({reason})"));
    match status.state {
        State::Good => found.good("passport-status", "good, as the authority has signed"),
        // The home's own files have said so.
        State::Expired => {}
        State::Revoked => {
            let words = format!("the authority has revoked the passport{why}");
            let next =
                "for good; ask an operator why, and for an enrolment token: mcps passport request";
            found.bad("passport-revoked", Exit::Denied, words, next);
        }
        State::Suspended => {
            let words = format!("the authority has suspended the passport{why}");
            let next = format!(
                "ask an operator: mcps order reinstate --passport {}",
                passport.id()
            );
            found.bad("passport-suspended", Exit::Denied, words, next);
        }
        State::Unknown => {
            let words = "the authority knows no such passport";
            let next = "it was issued elsewhere, or the authority was brought back from an older backup; \
                 ask an operator for an enrolment token: mcps passport request";
            found.bad("passport-not-known", Exit::NotFound, words, next);
        }
    }
}

/// Whether its feed is at least as far as this home has followed it.
async fn position(
    authority: &AuthorityClient,
    bundle: &TrustBundle,
    kept: &Kept,
    found: &mut Findings,
) {
    let Some(heard) = kept.heard else {
        return;
    };
    let Ok(bytes) = authority.snapshot().await else {
        return;
    };
    let Ok(snapshot) = Snapshot::verify(bytes, bundle) else {
        return;
    };
    let theirs = snapshot.position.cursor();
    if theirs < heard {
        let words = format!(
            "the authority's feed is at {theirs}, and this home has followed it to {heard} already"
        );
        let next = "it was brought back without a new epoch, or this is an older copy of it; its operator, before it serves: mcps-authority new-epoch";
        found.bad("feed-behind", Exit::Stale, words, next);
    }
}
