//! Arguments of tool calls that travel as headers too (MCP 2026-07-28, *Streamable HTTP: Custom
//! Headers from Tool Parameters*), as the tools' schemas ask in `x-mcp-header`.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use http::{HeaderMap, HeaderName, HeaderValue};
use mcps_core::json::Value;
use mcps_core::message::Message;
use mcps_transport::http::headers::{McpHeaders, param_header, value};

/// The annotation in a property's schema.
const ANNOTATION: &str = "x-mcp-header";
/// Tools whose annotations are remembered.
const MAX_TOOLS: usize = 10_000;
/// Headers of one call.
const MAX_HEADERS: usize = 32;

/// One argument to mirror: where it stands in the arguments, and the header.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mirror {
    path: Vec<String>,
    header: HeaderName,
}

/// What the tools that were listed ask for.
#[derive(Debug, Default)]
pub struct Mirrors(Mutex<HashMap<String, Vec<Mirror>>>);

impl Mirrors {
    /// Takes note of a list of tools that the client may see.
    pub fn learn(&self, list: &Message) {
        let tools = list.result().and_then(|result| result.get("tools"));
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for tool in tools.and_then(Value::as_array).into_iter().flatten() {
            let Some(name) = tool.get("name").and_then(Value::as_str) else {
                continue;
            };
            let mirrors = mirrors(tool);
            if mirrors.is_empty() {
                known.remove(name.as_ref());
            } else if known.len() < MAX_TOOLS || known.contains_key(name.as_ref()) {
                known.insert(name.into_owned(), mirrors);
            }
        }
    }

    /// Adds the headers of a call of `tool` with these parameters. What is absent or `null` has
    /// none.
    pub fn add(&self, params: Value<'_>, headers: &mut HeaderMap) {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = params.get("name").and_then(Value::as_str);
        let Some(mirrors) = name.and_then(|name| known.get(name.as_ref())) else {
            return;
        };
        put(mirrors, params.get("arguments"), headers);
    }

    /// Holds the headers of a call against its arguments.
    ///
    /// # Errors
    /// What is wrong, in words for the caller.
    pub fn check(&self, params: Value<'_>, headers: &McpHeaders) -> Result<(), &'static str> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = params.get("name").and_then(Value::as_str);
        match name.and_then(|name| known.get(name.as_ref())) {
            Some(mirrors) => compare(mirrors, params.get("arguments"), headers),
            None => Ok(()),
        }
    }
}

/// Holds the headers of a call of this tool against its arguments.
///
/// # Errors
/// What is wrong, in words for the caller.
pub fn agree(
    tool: Value<'_>,
    arguments: Option<Value<'_>>,
    headers: &McpHeaders,
) -> Result<(), &'static str> {
    compare(&mirrors(tool), arguments, headers)
}

/// Numbers are the same however they are written: 42 and 42.0.
fn same(sent: Option<&str>, due: Option<&str>) -> bool {
    let number = |text: Option<&str>| text?.parse::<f64>().ok().filter(|it| it.is_finite());
    sent == due || number(sent).is_some_and(|sent| number(due) == Some(sent))
}

fn compare(
    mirrors: &[Mirror],
    arguments: Option<Value<'_>>,
    headers: &McpHeaders,
) -> Result<(), &'static str> {
    let mut due = HeaderMap::new();
    put(mirrors, arguments, &mut due);
    for Mirror { header, .. } in mirrors {
        let mut sent = headers.raw().get_all(header).iter();
        let (sent, more) = (sent.next(), sent.next());
        let decode = |text: &HeaderValue| {
            let text = value::decode(header, text.as_bytes());
            text.map_err(|_| "a header Mcp-Param-* is malformed")
        };
        let (sent, due) = (sent.map(decode), due.get(header).map(decode));
        let agreed = same(sent.transpose()?.as_deref(), due.transpose()?.as_deref());
        if more.is_some() || !agreed {
            return Err("a header Mcp-Param-* is not what the body says");
        }
    }
    Ok(())
}

/// Adds the headers of a call of this tool with these arguments. What is absent or `null` has none.
pub fn headers_of(tool: Value<'_>, arguments: Option<Value<'_>>, headers: &mut HeaderMap) {
    put(&mirrors(tool), arguments, headers);
}

fn put(mirrors: &[Mirror], arguments: Option<Value<'_>>, headers: &mut HeaderMap) {
    for mirror in mirrors {
        let argument = mirror
            .path
            .iter()
            .try_fold(arguments, |at, name| Some(at?.get(name)))
            .flatten();
        if let Some(text) = argument.and_then(text) {
            headers.insert(mirror.header.clone(), text);
        }
    }
}

/// What a tool's schema asks for: nothing, if any of it is not as it must be, since then the server
/// refuses whatever is sent.
fn mirrors(tool: Value<'_>) -> Vec<Mirror> {
    let mut found = Vec::new();
    let whole = tool
        .get("inputSchema")
        .is_none_or(|schema| walk(schema, &mut Vec::new(), &mut found));
    if whole { found } else { Vec::new() }
}

/// Follows `properties` alone: nothing else names one argument for certain.
fn walk(schema: Value<'_>, path: &mut Vec<String>, found: &mut Vec<Mirror>) -> bool {
    let properties = schema.get("properties").and_then(Value::as_object);
    for property in properties.into_iter().flatten() {
        path.push(property.name().into_owned());
        let schema = property.value();
        if let Some(name) = schema.get(ANNOTATION) {
            let header = name.as_str().and_then(|name| param_header(&name).ok());
            let Some(header) = header else { return false };
            if found.len() >= MAX_HEADERS || found.iter().any(|other| other.header == header) {
                return false;
            }
            found.push(Mirror {
                path: path.clone(),
                header,
            });
        }
        if !walk(schema, path, found) {
            return false;
        }
        path.pop();
    }
    true
}

/// A primitive as a header says it.
fn text(argument: Value<'_>) -> Option<HeaderValue> {
    if let Some(text) = argument.as_str() {
        return Some(value::encode(&text));
    }
    if let Some(number) = argument.as_i64() {
        return Some(value::encode(&number.to_string()));
    }
    let other = argument.as_bool().is_some() || argument.as_f64().is_some();
    other.then(|| value::encode(argument.raw()))
}

#[cfg(test)]
mod tests;
