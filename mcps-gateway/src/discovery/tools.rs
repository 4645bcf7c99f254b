//! `find_tools` and `call_tool` as callers know them, and what they are asked.

use mcps_core::json::Value;
use mcps_core::message::Message;

use crate::config::SEPARATOR;

/// Finds tools.
pub(crate) const FIND_TOOLS: &str = "find_tools";
/// Calls one.
pub(crate) const CALL_TOOL: &str = "call_tool";

/// How many tools are found unless it is said, and at most.
const LIMIT: (usize, usize) = (5, 20);
/// The longest query, in bytes.
const MAX_QUERY: usize = 4096;

/// What a list has in place of all tools.
const LISTING: &str = r#"[{"name":"find_tools","title":"Find tools","description":"Finds tools by what they do. Say in a few words what you want to do; the result lists the tools that fit best, with their full names and the schemas of their arguments. Then use call_tool.","inputSchema":{"type":"object","properties":{"query":{"type":"string","description":"What the tool is to do, such as: read a file, search issues"},"limit":{"type":"integer","minimum":1,"maximum":20,"default":5,"description":"How many tools to list at most"}},"required":["query"],"additionalProperties":false},"annotations":{"readOnlyHint":true,"openWorldHint":false}},{"name":"call_tool","title":"Call a tool","description":"Calls a tool that find_tools has found, with arguments that fit its inputSchema. The result is that tool's own.","inputSchema":{"type":"object","properties":{"name":{"type":"string","description":"The tool's full name, as find_tools gives it"},"arguments":{"type":"object","description":"The arguments of that tool"}},"required":["name"],"additionalProperties":false}}]"#;

/// A query that can be searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) query: String,
    pub(crate) limit: usize,
}

impl Wanted {
    /// What a call of `find_tools` asks for; else what is wrong with it, in words for the caller.
    pub(crate) fn of(message: &Message) -> Result<Self, &'static str> {
        let arguments = message.params().and_then(|params| params.get("arguments"));
        let arguments = arguments.and_then(Value::as_object);
        let (mut query, mut limit) = (None, LIMIT.0);
        for member in arguments.into_iter().flatten() {
            match member.name().as_ref() {
                "query" => query = member.value().as_str(),
                "limit" => {
                    let number = member.value().as_i64();
                    let number = number.and_then(|number| usize::try_from(number).ok());
                    limit = number
                        .filter(|number| (1..=LIMIT.1).contains(number))
                        .ok_or("`limit` must be a whole number from 1 to 20; write one or leave it out")?;
                }
                _ => return Err("find_tools knows `query` and `limit` alone; leave out the rest"),
            }
        }
        let query = query.filter(|query| query.len() <= MAX_QUERY && !query.trim().is_empty());
        let query = query.ok_or(
            "`query` must be a text of up to 4096 bytes; say in a few words what the tool is to do",
        )?;
        Ok(Self {
            query: query.into_owned(),
            limit,
        })
    }
}

/// The call that a call of `call_tool` means: the same message, with the name and the arguments of
/// the tool that it names; else what is wrong with it, in words for the caller.
pub(crate) fn inner(message: &Message) -> Result<Message, &'static str> {
    const WRONG: &str = "call_tool wants `name`, the full name of a tool as find_tools gives it, and `arguments`, an object; write those alone";
    let params = message.params().ok_or(WRONG)?;
    let (outer, given) = (params.get("name"), params.get("arguments"));
    let (outer, given) = outer.zip(given).ok_or(WRONG)?;
    let (mut name, mut arguments) = (None, "{}");
    for member in given.as_object().ok_or(WRONG)? {
        let value = member.value();
        match member.name().as_ref() {
            "name" => name = value.as_str().map(|text| (text, value.raw())),
            "arguments" if value.as_object().is_some() => arguments = value.raw(),
            _ => return Err(WRONG),
        }
    }
    let (called, name) = name.ok_or(WRONG)?;
    if [FIND_TOOLS, CALL_TOOL].contains(&called.as_ref()) {
        return Err(
            "call_tool calls tools of servers, and neither itself nor find_tools; give it a name that find_tools has listed",
        );
    }
    let mut spans = [(outer.span(), name), (given.span(), arguments)];
    // What stands behind first, so that the other stays where it is.
    spans.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
    let mut text = message.text().to_owned();
    for (span, with) in spans {
        text.replace_range(span, with);
    }
    Message::parse(text).map_err(|_| WRONG)
}

/// Whether a request is of 2026-07-28 or later, so that its result says what it is.
pub(crate) fn is_modern(message: &Message) -> bool {
    let meta = message.meta();
    meta.is_some_and(|meta| {
        meta.get("io.modelcontextprotocol/protocolVersion")
            .is_some()
    })
}

/// The result of `tools/list`.
pub(crate) fn listing(modern: bool) -> String {
    let rest = if modern {
        r#","resultType":"complete","ttlMs":0,"cacheScope":"private""#
    } else {
        ""
    };
    format!(r#"{{"tools":{LISTING}{rest}}}"#)
}

/// A tool that was found, as its caller may know it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) server: String,
    pub(crate) name: String,
    /// Its definition under the name by which it is called here.
    pub(crate) text: String,
}

impl Found {
    /// `text` is the definition as its server wrote it.
    pub(crate) fn new(server: &str, name: &str, text: &str) -> Option<Self> {
        let known = mcps_core::json::Document::parse(text.as_bytes().to_vec()).ok()?;
        let span = known.root().get("name")?.span();
        let mut labelled = text.to_owned();
        let full = serde_json::Value::from(format!("{server}{SEPARATOR}{name}"));
        labelled.replace_range(span, &full.to_string());
        Some(Self {
            server: server.to_owned(),
            name: name.to_owned(),
            text: labelled,
        })
    }
}

/// The result of `find_tools`.
pub(crate) fn rendered(found: &[Found], modern: bool) -> String {
    let texts: Vec<&str> = found.iter().map(|found| found.text.as_str()).collect();
    let tools = format!(r#"{{"tools":[{}]}}"#, texts.join(","));
    // Clients that know no structured content read the text.
    let text = serde_json::Value::from(tools.as_str());
    let rest = kind(modern);
    format!(r#"{{"content":[{{"type":"text","text":{text}}}],"structuredContent":{tools}{rest}}}"#)
}

/// The result of a call that cannot be understood, for whoever wrote it.
pub(crate) fn in_words(why: &str, modern: bool) -> String {
    let (why, rest) = (serde_json::Value::from(why), kind(modern));
    format!(r#"{{"content":[{{"type":"text","text":{why}}}],"isError":true{rest}}}"#)
}

const fn kind(modern: bool) -> &'static str {
    if modern {
        r#","resultType":"complete""#
    } else {
        ""
    }
}
