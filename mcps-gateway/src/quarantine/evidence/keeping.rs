//! Finds what can be promoted, for ever: fetches the manifests that the feed tells of, compares what
//! is held with them, and writes down what comes of it before it counts.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use mcps_client::error::ClientError;
use mcps_client::trust_source::TrustSource;
use mcps_core::digest::Digest;
use mcps_core::level::TrustLevel;
use mcps_core::manifest::Manifest;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::unsteady::Unsteady;
use super::{Evidence, Grant, Grants, Registered, Shown, kept};
use crate::catalogue::Catalogue;
use crate::config::{Config, ServerPassport};

/// How often it is looked what servers have listed meanwhile.
const GLANCE: Duration = Duration::from_millis(500);
/// How long a manifest that could not be fetched is not asked for again.
const PAUSE: Duration = Duration::from_secs(5);

/// Where manifests are fetched from.
pub(crate) trait Manifests {
    /// What the manifest of that digest says; whoever answers has compared them.
    async fn manifest(&self, digest: &Digest) -> Result<Manifest, ClientError>;
}

impl Manifests for TrustSource {
    async fn manifest(&self, digest: &Digest) -> Result<Manifest, ClientError> {
        self.manifest_of(digest).await
    }
}

/// Names and hashes of the tools of a manifest.
type Named = BTreeMap<String, Digest>;

/// Manifests that were fetched, and those that could not be, until when not to ask again.
#[derive(Default)]
pub(super) struct Library {
    known: HashMap<Digest, Named>,
    missing: HashMap<Digest, Instant>,
    pub(super) unsteady: Unsteady,
}

/// One server whose tools may be promoted so.
struct Candidate {
    server: String,
    shown: Shown,
    now: Option<Registered>,
}

impl Evidence {
    /// Goes on for ever.
    pub(crate) async fn keep(
        &self,
        config: impl Fn() -> std::sync::Arc<Config>,
        catalogue: &Catalogue,
        manifests: &impl Manifests,
    ) -> Infallible {
        let Some(mut changes) = self.feed.as_ref().map(|feed| feed.changes()) else {
            return std::future::pending().await;
        };
        let mut library = Library::default();
        loop {
            changes.mark_unchanged();
            let generation = catalogue.generation();
            self.look(&config(), catalogue, manifests, &mut library)
                .await;
            self.looked.send_replace(generation);
            tokio::select! {
                // The feed is ours, so this ends by news alone.
                _ = changes.changed() => {}
                () = self.wanted.notified() => {}
                () = sleep(GLANCE) => {}
            }
        }
    }

    /// Looks once at all there is.
    pub(super) async fn look(
        &self,
        config: &Config,
        catalogue: &Catalogue,
        manifests: &impl Manifests,
        library: &mut Library,
    ) {
        let before = self.grants();
        // The lowest that anybody asks for. Whoever asks for more is asked at the call.
        let Some(need) = config.least_evidence() else {
            if !before.is_empty() {
                self.promote(&before, Grants::new()).await;
            }
            return;
        };
        let servers = config.server.iter().map(|server| server.name.as_str());
        let named: BTreeMap<&str, &ServerPassport> = servers
            .filter_map(|server| Some((server, config.proven_by(server)?)))
            .collect();
        let candidates = named.iter().filter_map(|(server, passport)| {
            let shown = self.shown(server)?;
            let shown =
                Some(shown).filter(|shown| passport.is(Some(&shown.tenant), &shown.name))?;
            Some(Candidate {
                server: (*server).to_owned(),
                now: self.registered(&shown),
                shown,
            })
        });
        let candidates: Vec<Candidate> = candidates.collect();
        library.fetch(&candidates, manifests).await;
        let mut after = Grants::clone(&before);
        after.retain(|(server, _), grant| {
            let passport = named.get(server.as_str());
            let Shown { tenant, name, .. } = &grant.shown;
            passport.is_some_and(|passport| passport.is(Some(tenant), name))
        });
        for candidate in &candidates {
            self.weigh(candidate, need, catalogue, library, &mut after);
        }
        if after != *before {
            library.unsteady.note(&before, &after, Instant::now());
            self.promote(&before, after).await;
        }
    }

    /// What of one server's tools is promoted.
    fn weigh(
        &self,
        candidate: &Candidate,
        need: TrustLevel,
        catalogue: &Catalogue,
        library: &Library,
        grants: &mut Grants,
    ) {
        let server = &candidate.server;
        let now = candidate.now.filter(|now| now.level >= need);
        let (before, listed) = (self.grants(), catalogue.listed(server));
        grants.retain(|(of, tool), grant| {
            let same = now.is_some_and(|now| now.manifest == grant.manifest);
            // Of what the server has not listed since the start nothing is known.
            let unknown = || listed.iter().all(|(name, ..)| name != tool);
            of != server || (same && unknown())
        });
        let Some(now) = now else { return };
        let named = library.known.get(&now.manifest);
        for (tool, hash, pinned) in listed {
            let is_named = named.map(|named| named.get(&tool) == Some(&hash));
            let name = (server.clone(), tool);
            let same = before
                .get(&name)
                .filter(|grant| grant.hash == hash && grant.manifest == now.manifest);
            // A manifest that cannot be had again says what it said.
            if !pinned.can_be_proven() || !is_named.unwrap_or(same.is_some()) {
                continue;
            }
            if same.is_none() && library.unsteady.rests(&name, Instant::now()) {
                continue;
            }
            let same = same.filter(|grant| now.level >= grant.level);
            let grant = same.cloned().unwrap_or_else(|| Grant {
                hash,
                manifest: now.manifest,
                level: now.level,
                since: self.clock.now(),
                shown: candidate.shown.clone(),
            });
            grants.insert(name, grant);
        }
    }

    /// Writes down what changes, and then lets it count. What ends does so even if that cannot be
    /// written.
    async fn promote(&self, before: &Grants, after: Grants) {
        let differs = |one: &Grants, other: &Grants, action: &'static str| {
            let new = one
                .iter()
                .filter(|(name, grant)| other.get(*name) != Some(*grant));
            let lines = new.map(|((server, tool), grant)| Line {
                action,
                server: server.clone(),
                tool: tool.clone(),
                grant: grant.clone(),
            });
            lines.collect::<Vec<Line>>()
        };
        let mut lines = differs(before, &after, "withdraw");
        lines.extend(differs(&after, before, "promote"));
        let mut still = after.clone();
        still.retain(|name, grant| before.get(name) == Some(&*grant));
        self.replace(still);
        let (store, home) = (self.store.clone(), self.home.clone());
        let at = self.clock.now().to_string();
        let writing = tokio::task::spawn_blocking(move || {
            let said: Vec<_> = lines.iter().map(|line| line.json(&at)).collect();
            store.note(&said)?;
            kept::write(&home, &after)?;
            Ok::<_, ClientError>((lines, after))
        });
        match writing.await {
            Ok(Ok((lines, after))) => {
                lines.iter().for_each(Line::tell);
                self.unwritten.store(false, Ordering::SeqCst);
                self.replace(after);
            }
            Ok(Err(error)) => {
                if !self.unwritten.swap(true, Ordering::SeqCst) {
                    tracing::error!(error = %error, "nothing is promoted by evidence, since that cannot be written down: {error}");
                }
            }
            Err(_) => {}
        }
    }
}

/// What is written down of one tool.
struct Line {
    action: &'static str,
    server: String,
    tool: String,
    grant: Grant,
}

impl Line {
    fn json(&self, at: &str) -> serde_json::Value {
        json!({
            "at": at, "by": self.grant.by(), "action": self.action, "server": self.server,
            "tool": self.tool, "hash": self.grant.hash.to_string(), "was": null, "why": null,
        })
    }

    fn tell(&self) {
        let (server, tool, action) = (&self.server, &self.tool, self.action);
        let by = self.grant.by();
        tracing::warn!(server, tool, action, "{action} {tool} of {server}: {by}");
    }
}

impl Library {
    /// Fetches those that the feed tells of and that are not here.
    async fn fetch(&mut self, candidates: &[Candidate], manifests: &impl Manifests) {
        let wanted = candidates.iter().filter_map(|candidate| candidate.now);
        let wanted: BTreeSet<Digest> = wanted.map(|now| now.manifest).collect();
        self.known.retain(|digest, _| wanted.contains(digest));
        self.missing.retain(|digest, _| wanted.contains(digest));
        let now = Instant::now();
        let rests = |digest: &Digest| self.missing.get(digest).is_some_and(|until| now < *until);
        let new = wanted
            .into_iter()
            .filter(|digest| !self.known.contains_key(digest) && !rests(digest));
        let new: Vec<Digest> = new.collect();
        let fetching = new
            .into_iter()
            .map(|digest| async move { (digest, manifests.manifest(&digest).await) });
        for (digest, fetched) in join_all(fetching).await {
            match fetched {
                Ok(manifest) => {
                    let tools = manifest.tools();
                    let named = tools.map(|(name, hash)| (name.to_owned(), *hash));
                    self.known.insert(digest, named.collect());
                    self.missing.remove(&digest);
                }
                Err(error) => {
                    let before = self.missing.insert(digest, now + PAUSE);
                    if before.is_none() {
                        tracing::warn!(%digest, error = %error, "the manifest {digest} could not be fetched, so nothing new is promoted by it: {error}");
                    }
                }
            }
        }
    }
}
