//! Lists of all servers as one: every page of each, with names that say whose they are.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use mcps_client::listen::Outward;
use mcps_core::json::{Document, Value};
use mcps_core::message::Message;
use mcps_transport::http::client::Response;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::member::{Member, PATIENCE};
use super::opening::meta;
use super::{All, answer, failure, is_modern, quoted};
use crate::catalogue::Seen;
use crate::config::SEPARATOR;
use crate::quarantine::Whose;

/// Pages of one list of one server.
const MAX_PAGES: usize = 100;
/// Things that one server lists.
const MAX_LISTED: usize = 10_000;
/// Bytes of what all of them list: one message, less what is around it and what signs it.
const ROOM: usize = (4 << 20) - (64 << 10);
/// Bytes of a refusal that is passed on.
const MAX_REFUSED: usize = 64 << 10;

/// A method that lists, and what its result has.
#[derive(Clone, Copy)]
pub(super) struct List {
    method: &'static str,
    pub(super) kind: &'static str,
    /// What tells one from another.
    key: &'static str,
    /// Whether that is prefixed.
    prefixed: bool,
}

const LISTS: [List; 4] = [
    List {
        method: "tools/list",
        kind: "tools",
        key: "name",
        prefixed: true,
    },
    List {
        method: "prompts/list",
        kind: "prompts",
        key: "name",
        prefixed: true,
    },
    List {
        method: "resources/list",
        kind: "resources",
        key: "uri",
        prefixed: false,
    },
    List {
        method: "resources/templates/list",
        kind: "resourceTemplates",
        key: "uriTemplate",
        prefixed: false,
    },
];

/// What a method lists, if it does.
pub(super) fn list(method: &str) -> Option<List> {
    LISTS.into_iter().find(|list| list.method == method)
}

/// What one server lists.
struct Found {
    server: String,
    /// Each thing as the server wrote it, with commas between them.
    texts: String,
    /// Bytes of that as callers are to have it.
    size: usize,
    pages: usize,
    complete: bool,
    /// How it refused a page.
    refused: Option<String>,
}

impl Found {
    /// Takes what a page lists, and says how much that is.
    fn add(&mut self, page: &Message, list: List) -> usize {
        let prefix = match list.prefixed {
            true => self.server.len() + SEPARATOR.len(),
            false => 0,
        };
        self.pages += 1;
        let listed = page.result().and_then(|result| result.get(list.kind));
        let mut count = 0;
        for value in listed.and_then(Value::as_array).into_iter().flatten() {
            count += 1;
            let raw = value.raw();
            self.size = self.size.saturating_add(raw.len() + prefix + 1);
            if self.size > ROOM {
                break;
            }
            if !self.texts.is_empty() {
                self.texts.push(',');
            }
            self.texts.push_str(raw);
        }
        count
    }
}

impl All {
    /// Asks all of them and answers with what they have.
    pub(super) async fn gather(&self, outward: Outward, list: List) -> Response {
        let opening = self.opening();
        let mut asking = JoinSet::new();
        for member in self.members.values() {
            let member = Arc::clone(member);
            let (opening, asked) = (opening.clone(), again(&outward, outward.message.clone()));
            asking.spawn(async move { pages(&member, asked, opening.as_ref(), list).await });
        }
        let mut found = Vec::new();
        while let Some(pages) = asking.join_next().await {
            found.extend(pages.ok());
        }
        found.sort_by(|one, other| one.server.cmp(&other.server));
        // What none of them has is refused as the first of them refuses it.
        if found.iter().all(|found| found.pages == 0) {
            let mut refused = found.iter().filter_map(|found| found.refused.as_deref());
            if let Some(error) = refused.next() {
                return failure(&outward.message, error);
            }
        }
        let found = fitting(found);
        let mut texts = Vec::new();
        for found in &found {
            self.label(found, list, &mut texts).await;
        }
        let rest = if is_modern(&outward.message) {
            format!(
                r#","resultType":"complete","ttlMs":0,"cacheScope":"private","_meta":{}"#,
                meta()
            )
        } else {
            String::new()
        };
        let result = format!(r#"{{"{}":[{}]{rest}}}"#, list.kind, texts.join(","));
        answer(&outward.message, &result)
    }

    /// Adds what one server has, as callers are to know it.
    async fn label(&self, found: &Found, list: List, texts: &mut Vec<String>) {
        let server = found.server.as_str();
        let Ok(listed) = Document::parse(format!("[{}]", found.texts)) else {
            return;
        };
        let mut names = Vec::new();
        let all: Vec<Value<'_>> = listed.root().as_array().into_iter().flatten().collect();
        let intact = match list.kind {
            "tools" => self.open(server, &all).await,
            _ => vec![true; all.len()],
        };
        for (value, intact) in all.into_iter().zip(intact) {
            let key = value.get(list.key);
            let Some((key, name)) = key.and_then(|key| Some((key, key.as_str()?))) else {
                continue;
            };
            names.push(name.clone().into_owned());
            let shown = match list.kind {
                "tools" => intact,
                "resources" => self.offer(server, &name),
                "resourceTemplates" => self.offer_template(server, &name),
                _ => true,
            };
            if !shown {
                continue;
            }
            let mut text = value.raw().to_owned();
            if list.prefixed {
                let (start, from) = (value.span().start, key.span());
                let span = from.start.saturating_sub(start)..from.end.saturating_sub(start);
                text.replace_range(span, &quoted(&format!("{server}{SEPARATOR}{name}")));
            }
            texts.push(text);
        }
        if list.kind == "tools" && found.complete {
            self.catalogue.complete(server, Some(&names));
        }
    }

    /// Which tools of a server the caller may call, as far as their definitions go.
    async fn open(&self, server: &str, all: &[Value<'_>]) -> Vec<bool> {
        let (tenant, level) = (self.tenant.as_str(), self.level);
        let whose = Whose { tenant, level };
        let seen = self.catalogue.learn(server, all);
        if seen.iter().flatten().any(Seen::can_be_proven) {
            let generation = self.catalogue.generation();
            let server = Some(server);
            self.rulings.weighed(tenant, server, generation).await;
        }
        let open = |seen: Option<Seen>| {
            seen.is_none_or(|seen| self.rulings.admits(whose, seen.subject(server)))
        };
        seen.into_iter().map(open).collect()
    }

    /// Takes note of who offers a resource. The first who does has it: another of the same address
    /// is not shown.
    fn offer(&self, server: &str, uri: &str) -> bool {
        match self.offers().resources.entry(uri.to_owned()) {
            Entry::Occupied(held) => held.get() == server,
            Entry::Vacant(free) => {
                free.insert(server.to_owned());
                true
            }
        }
    }

    fn offer_template(&self, server: &str, template: &str) -> bool {
        let begin = template.split('{').next().unwrap_or_default();
        let mut offers = self.offers();
        let held = offers.templates.entry(begin.to_owned());
        held.or_insert_with(|| server.to_owned()) == server
    }
}

fn again(outward: &Outward, message: Message) -> Outward {
    Outward {
        message,
        headers: outward.headers.clone(),
        act: outward.act.clone(),
    }
}

/// All pages of one server's list; none where it has no such list, or cannot be reached.
async fn pages(member: &Member, outward: Outward, opening: Option<&Message>, list: List) -> Found {
    let mut found = Found {
        server: member.name.clone(),
        texts: String::new(),
        size: 0,
        pages: 0,
        complete: false,
        refused: None,
    };
    let read = read(&mut found, (member, opening), outward, list);
    if timeout(PATIENCE, read).await.is_err() {
        member.late();
        let (server, after_s) = (&member.name, PATIENCE.as_secs());
        let (method, pages) = (list.method, found.pages);
        tracing::warn!(
            server,
            method,
            pages,
            after_s,
            "{server} has not come to the end of its {method} in {after_s} s"
        );
    }
    found
}

/// Reads one page after the other, as far as there is room for them.
async fn read(
    found: &mut Found,
    (member, opening): (&Member, Option<&Message>),
    outward: Outward,
    list: List,
) {
    let (mut cursor, mut count) = (None::<String>, 0);
    while found.pages < MAX_PAGES && count <= MAX_LISTED && found.size <= ROOM {
        let Some(message) = page(&outward.message, cursor.as_deref()) else {
            break;
        };
        let asked = member.listed(again(&outward, message), opening).await;
        let answer = match asked {
            Some(answer) if answer.result().is_some() => answer,
            refused => {
                let error = refused.as_ref().and_then(Message::error);
                let short = error.filter(|error| error.raw().len() <= MAX_REFUSED);
                found.refused = short.map(|error| error.raw().to_owned());
                break;
            }
        };
        let next = answer.result().and_then(|result| result.get("nextCursor"));
        let next = next
            .and_then(Value::as_str)
            .map(std::borrow::Cow::into_owned);
        count += found.add(&answer, list);
        cursor = next;
        if cursor.is_none() {
            found.complete = true;
            break;
        }
    }
}

/// Those whose lists go into one: whoever lists most is left out first, so that no server takes the
/// room of those that list less.
fn fitting(mut found: Vec<Found>) -> Vec<Found> {
    found.sort_by_key(|found| found.size);
    let mut room = ROOM;
    found.retain(|found| match room.checked_sub(found.size) {
        Some(rest) => {
            room = rest;
            true
        }
        None => {
            let (server, bytes) = (&found.server, found.size);
            tracing::warn!(
                server,
                bytes,
                "what {server} lists is left out: with all else it is too long for one answer"
            );
            false
        }
    });
    found.sort_by(|one, other| one.server.cmp(&other.server));
    found
}

/// The request for one page: the caller's, with another cursor. Its own is never one of ours.
fn page(message: &Message, cursor: Option<&str>) -> Option<Message> {
    let id = message.id()?;
    let method = message.method()?;
    let mut params = Vec::new();
    if let Some(meta) = message.params().and_then(|params| params.get("_meta")) {
        params.push(format!(r#""_meta":{}"#, meta.raw()));
    }
    if let Some(cursor) = cursor {
        params.push(format!(r#""cursor":{}"#, quoted(cursor)));
    }
    let params = match params.as_slice() {
        [] => String::new(),
        params => format!(r#","params":{{{}}}"#, params.join(",")),
    };
    Message::parse(format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}"{params}}}"#
    ))
    .ok()
}
