//! What the headers of a call repeat of its arguments in the newer era (MCP 2026-07-28, *Streamable HTTP:
//! Custom Headers from Tool Parameters*).

use http::HeaderName;
use mcps_client::listen::Era;
use mcps_client::mirror;
use mcps_core::code::Code;
use mcps_transport::http::headers::{MCP_METHOD, MCP_PARAM_PREFIX, McpHeaders};
use mcps_transport::http::server::Post;

use crate::call::Call;
use crate::judge::Denial;

fn said(headers: &McpHeaders) -> impl Iterator<Item = &HeaderName> {
    let all = headers.raw().keys();
    all.filter(|name| name.as_str().starts_with(MCP_PARAM_PREFIX))
}

/// Whether what a caller says there is what the arguments are by the tool's definition, which need not have
/// been listed to whoever calls. Of a call that `call_tool` meant all of it is ours to say.
/// A caller who says nothing of them there is its server's to refuse.
pub(super) fn agrees(call: &Call, headers: &McpHeaders, era: Era) -> Result<(), Denial> {
    let mirrored = era == Era::Modern && said(headers).next().is_some();
    let Some(tool) = call.defined().filter(|_| mirrored && call.via.is_none()) else {
        return Ok(());
    };
    let agreed = mirror::agree(tool.root(), call.arguments(), headers);
    agreed.map_err(|why| Denial::new(Code::Malformed, "message.headers", why.to_owned()))
}

/// The headers with which a call goes on: of those that its caller said the ones that the definition asks
/// for; of a call that `call_tool` meant what the tool that is called asks for.
pub(super) fn put(call: &Call, post: &mut Post) {
    let meant = call.via.is_some();
    if !meant && (call.defined().is_none() || said(&post.headers).next().is_none()) {
        return;
    }
    let mut headers = post.headers.raw().clone();
    said(&post.headers).for_each(|name| drop(headers.remove(name)));
    if let Some(tool) = call.defined().filter(|_| headers.contains_key(MCP_METHOD)) {
        mirror::headers_of(tool.root(), call.arguments(), &mut headers);
    }
    post.headers = McpHeaders::new(headers);
}
