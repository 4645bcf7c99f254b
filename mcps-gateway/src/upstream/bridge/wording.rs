//! How a message of one era reads in the other: 2026-07-28 says in each request who asks, and in each
//! result of what type it is, where revisions until 2025-11-25 said the first once and the second never.

use mcps_client::listen::Outward;
use mcps_core::json::{Value, quote};
use mcps_core::message::{Kind, Message};
use mcps_transport::http::headers::MCP_PROTOCOL_VERSION;

/// The newer era.
pub(super) const NEWER: &str = "2026-07-28";
/// The last revision of the older one.
pub(super) const OLDER: &str = "2025-11-25";
/// All of that, and one that has no sessions over HTTP but that commands speak.
const ALL_OLDER: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", OLDER];

const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CLIENT: &str = "io.modelcontextprotocol/clientInfo";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const LEVEL: &str = "io.modelcontextprotocol/logLevel";
const SERVER: &str = "io.modelcontextprotocol/serverInfo";
/// Which subscription a notification belongs to (2026-07-28).
pub(super) const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

/// What the newer era's requests say beside what is asked.
const OF_NEWER: [&str; 4] = [VERSION, CLIENT, CAPABILITIES, LEVEL];
/// What makes a request of the newer era the continuation of another.
const CONTINUED: [&str; 2] = ["inputResponses", "requestState"];
/// What its results say beside what was asked for.
const OF_RESULTS: [&str; 3] = ["resultType", "ttlMs", "cacheScope"];
/// What servers of both eras can do, and is known in both.
const OF_SERVERS: [&str; 6] = [
    "completions",
    "experimental",
    "logging",
    "prompts",
    "resources",
    "tools",
];
/// What clients can do.
const OF_CLIENTS: [&str; 3] = ["elicitation", "experimental", "sampling"];
/// Requests whose results say how long they may be kept (2026-07-28).
const KEPT: [&str; 5] = [
    "tools/list",
    "prompts/list",
    "resources/list",
    "resources/templates/list",
    "resources/read",
];
/// What a server may ask its client for in the middle of a request, and what the client must be able to do.
const QUESTIONS: [(&str, &str); 3] = [
    ("sampling/createMessage", "sampling"),
    ("elicitation/create", "elicitation"),
    ("roots/list", "roots"),
];
/// Levels of what is logged, the least important first (RFC 5424 §6.2.1).
const LEVELS: [&str; 8] = [
    "debug",
    "info",
    "notice",
    "warning",
    "error",
    "critical",
    "alert",
    "emergency",
];

/// Whether a message is of the newer era.
pub(super) fn is_newer(outward: &Outward) -> bool {
    let header = outward.headers.get(MCP_PROTOCOL_VERSION);
    let meta = outward.message.meta();
    meta.and_then(|meta| meta.get(VERSION)).is_some()
        || header.is_some_and(|version| version == NEWER)
}

/// Whether that is a revision of the older era.
pub(super) fn is_older(version: &str) -> bool {
    ALL_OLDER.contains(&version)
}

/// What a client says of itself, as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// Name and version.
    pub(super) client: String,
    /// What it can do.
    pub(super) capabilities: String,
    /// From which level on it wants to hear what is logged.
    pub(super) level: Option<String>,
}

impl Default for Said {
    fn default() -> Self {
        Self {
            client: own_info(),
            capabilities: "{}".to_owned(),
            level: None,
        }
    }
}

impl Said {
    /// By an `initialize`.
    pub(super) fn once(message: &Message) -> Self {
        let params = message.params();
        let client = params.and_then(|params| params.get("clientInfo"));
        let capabilities = params.and_then(|params| params.get("capabilities"));
        Self::of(client, capabilities)
    }

    /// By a request of the newer era.
    pub(super) fn each(message: &Message) -> Self {
        let said = |name| message.meta().and_then(|meta| meta.get(name));
        let level = said(LEVEL).and_then(Value::as_str);
        Self {
            level: level.map(std::borrow::Cow::into_owned),
            ..Self::of(said(CLIENT), said(CAPABILITIES))
        }
    }

    fn of(client: Option<Value<'_>>, capabilities: Option<Value<'_>>) -> Self {
        let mut can = only(capabilities, &OF_CLIENTS);
        if capabilities.and_then(|all| all.get("roots")).is_some() {
            // That it tells of changed roots is no matter of both eras.
            can.push(r#""roots":{}"#.to_owned());
        }
        Self {
            client: client.map_or_else(own_info, |client| client.raw().to_owned()),
            capabilities: format!("{{{}}}", can.join(",")),
            level: None,
        }
    }

    /// Whether the client can be asked that.
    pub(super) fn answers(&self, method: &str) -> bool {
        let Some((_, need)) = QUESTIONS.iter().find(|(asked, _)| *asked == method) else {
            return false;
        };
        // It is ours, of members that were read one by one.
        let all: serde_json::Value = serde_json::from_str(&self.capabilities).unwrap_or_default();
        all.get(need).is_some()
    }

    /// Whether the client wants to hear what is logged at that level.
    pub(super) fn hears(&self, level: &str) -> bool {
        let place = |level: &str| LEVELS.iter().position(|known| *known == level);
        let wanted = self.level.as_deref().and_then(place);
        wanted.is_some_and(|wanted| place(level).is_none_or(|level| level >= wanted))
    }
}

/// Whether that is a level of what is logged.
pub(super) fn is_level(level: &str) -> bool {
    LEVELS.contains(&level)
}

fn own_info() -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(r#"{{"name":"mcps-gateway","version":"{version}"}}"#)
}

/// A request as a server of the newer era is to read it; continued by `more`, members of `params` as
/// JSON. `None` when it is too long then.
pub(super) fn newer(message: &Message, said: &Said, more: Option<&str>) -> Option<Message> {
    let version = format!("\"{NEWER}\"");
    let mut all = vec![
        (VERSION, version.as_str()),
        (CLIENT, &said.client),
        (CAPABILITIES, &said.capabilities),
    ];
    let level = said.level.as_deref().map(quoted);
    all.extend(level.as_deref().map(|level| (LEVEL, level)));
    let params = message.params();
    let meta = params.and_then(|params| params.get("_meta"));
    let meta = rebuilt(meta, &OF_NEWER, &all);
    let without: &[&str] = match more {
        Some(_) => &["_meta", CONTINUED[0], CONTINUED[1]],
        None => &["_meta"],
    };
    let mut params = rebuilt(params, without, &[("_meta", &meta)]);
    if let Some(more) = more.filter(|more| !more.is_empty()) {
        params.pop();
        params.push(',');
        params.push_str(more);
        params.push('}');
    }
    with_params(message, &params)
}

/// A request as a server of the older era is to read it.
pub(super) fn older(message: &Message) -> Option<Message> {
    let params = message.params()?;
    let meta = rebuilt(params.get("_meta"), &OF_NEWER, &[]);
    let meta = [("_meta", meta.as_str())];
    let meta: &[_] = if meta.iter().all(|(_, meta)| *meta == "{}") {
        &[]
    } else {
        &meta
    };
    let without = ["_meta", CONTINUED[0], CONTINUED[1]];
    with_params(message, &rebuilt(Some(params), &without, meta))
}

/// A result of the newer era as a caller of the older reads it.
pub(super) fn older_result(message: &Message) -> Option<Message> {
    let result = rebuilt(message.result(), &OF_RESULTS, &[]);
    let root = rebuilt(Some(message.root()), &["result"], &[("result", &result)]);
    Message::parse(root).ok()
}

/// A result of the older era, of a request of that method, as a caller of the newer reads it.
pub(super) fn newer_result(message: &Message, method: &str) -> Option<Message> {
    let mut more = vec![("resultType", "\"complete\"")];
    if KEPT.contains(&method) {
        more.extend([("ttlMs", "0"), ("cacheScope", "\"private\"")]);
    }
    let result = rebuilt(message.result(), &OF_RESULTS, &more);
    let root = rebuilt(Some(message.root()), &["result"], &[("result", &result)]);
    Message::parse(root).ok()
}

/// What a result of the newer era is.
pub(super) enum Type {
    /// What was asked for.
    Complete,
    /// Questions first.
    Required,
    /// Something that nobody here knows.
    Other,
}

/// The type of a result of the newer era.
pub(super) fn type_of(message: &Message) -> Type {
    let result = message.result();
    let named = result.and_then(|result| result.get("resultType"));
    match named.map(|named| named.as_str()) {
        // So are those of earlier servers to be read.
        None => Type::Complete,
        Some(Some(named)) if named == "complete" => Type::Complete,
        Some(Some(named)) if named == "input_required" => Type::Required,
        Some(_) => Type::Other,
    }
}

/// The same message under another id.
pub(super) fn under(message: &Message, id: &str) -> Option<Message> {
    let mut text = message.text().to_owned();
    text.replace_range(message.root().get("id")?.span(), id);
    Message::parse(text).ok()
}

/// The number of an error of the newer era as a caller of the older knows it.
pub(super) const fn older_number(number: i64) -> i64 {
    match number {
        // Headers and revision are between us and the server, and what a client can do was said once.
        -32020 | -32022 => -32603,
        -32021 => -32600,
        number => number,
    }
}

/// Whether a server that answers the first request of an era so may be one that does not speak it: the method,
/// the parameters, the headers or the missing session are strange to it.
pub(super) const fn is_of_era(number: i64) -> bool {
    matches!(number, -32602..=-32600 | -32022 | -32020 | -32000)
}

/// The other way round: what a request was for is not there.
pub(super) const fn newer_number(number: i64) -> i64 {
    match number {
        -32002 => -32602,
        number => number,
    }
}

/// An error with another number.
pub(super) fn renumbered(message: &Message, number: fn(i64) -> i64) -> Option<Message> {
    let code = message.error()?.get("code")?;
    let (is, new) = (code.as_i64()?, number(code.as_i64()?));
    if is == new {
        return Some(message.clone());
    }
    let mut text = message.text().to_owned();
    text.replace_range(code.span(), &new.to_string());
    Message::parse(text).ok()
}

/// The result of `initialize` by that of `server/discover`, for a caller who asked for `version`.
pub(super) fn opened(discovered: &Message, version: &str) -> Option<String> {
    let result = discovered.result()?;
    let version = if is_older(version) { version } else { OLDER };
    let info = result.get("_meta").and_then(|meta| meta.get(SERVER));
    let info = info.or_else(|| result.get("serverInfo"));
    let info = info.map_or_else(unnamed, |info| info.raw().to_owned());
    let can = only(result.get("capabilities"), &OF_SERVERS).join(",");
    let instructions = result.get("instructions").map(|text| text.raw());
    let instructions = instructions.map(|text| format!(r#","instructions":{text}"#));
    Some(format!(
        r#"{{"protocolVersion":{},"capabilities":{{{can}}},"serverInfo":{info}{}}}"#,
        quoted(version),
        instructions.unwrap_or_default()
    ))
}

/// The result of `server/discover` by that of `initialize`.
pub(super) fn discovered(opened: &Message) -> Option<String> {
    let result = opened.result()?;
    let info = result.get("serverInfo");
    let info = info.map_or_else(unnamed, |info| info.raw().to_owned());
    let can = only(result.get("capabilities"), &OF_SERVERS).join(",");
    let instructions = result.get("instructions").map(|text| text.raw());
    let instructions = instructions.map(|text| format!(r#","instructions":{text}"#));
    Some(format!(
        r#"{{"resultType":"complete","supportedVersions":["{NEWER}"],"capabilities":{{{can}}},"serverInfo":{info}{},"ttlMs":0,"cacheScope":"private","_meta":{{"{SERVER}":{info}}}}}"#,
        instructions.unwrap_or_default()
    ))
}

fn unnamed() -> String {
    r#"{"name":"unnamed","version":"0"}"#.to_owned()
}

/// These members of an object, as JSON.
fn only(object: Option<Value<'_>>, names: &[&str]) -> Vec<String> {
    let known = names.iter().filter_map(|name| {
        let value = object?.get(name)?;
        Some(format!("{}:{}", quoted(name), value.raw()))
    });
    known.collect()
}

fn with_params(message: &Message, params: &str) -> Option<Message> {
    debug_assert!(matches!(message.kind(), Kind::Request | Kind::Notification));
    let root = rebuilt(Some(message.root()), &["params"], &[("params", params)]);
    Message::parse(root).ok()
}

/// An object without these members and with those, the text of all others kept.
pub(super) fn rebuilt(
    object: Option<Value<'_>>,
    without: &[&str],
    with: &[(&str, &str)],
) -> String {
    let mut text = "{".to_owned();
    let mut put = |name: &str, value: &str| {
        if text.len() > 1 {
            text.push(',');
        }
        quote(name, &mut text);
        text.push(':');
        text.push_str(value);
    };
    for member in object.and_then(Value::as_object).into_iter().flatten() {
        let name = member.name();
        let dropped = without.contains(&name.as_ref()) || with.iter().any(|(new, _)| *new == name);
        if !dropped {
            put(&name, member.value().raw());
        }
    }
    for (name, value) in with {
        put(name, value);
    }
    text.push('}');
    text
}

/// A string of JSON.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    quote(text, &mut out);
    out
}

#[cfg(test)]
mod tests;
