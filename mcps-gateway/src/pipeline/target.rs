//! What a request is about.

use mcps_client::listen::Era;
use mcps_client::tools;
use mcps_core::code::Code;
use mcps_core::message::Kind;

use super::stages::Seated;
use crate::aggregate::subject;
use crate::call::{Call, Target};
use crate::discovery::FIND_TOOLS;
use crate::judge::Denial;
use crate::routes::Route;

/// What a request is about: the server of its path, else the one that offers what it names. `None`
/// for what nobody offers.
pub(super) fn target(route: &Route, seated: &Seated) -> Option<Target> {
    if seated.call.via == Some(FIND_TOOLS) {
        return Some(Target::default());
    }
    let named = subject(&seated.call.message);
    let named = named.and_then(|(kind, value)| Some((kind, value.as_str()?.into_owned())));
    let (server, name) = match (&route.server, named) {
        (Some(server), named) => (Some(server.clone()), named.map(|(_, name)| name)),
        (None, None) => (None, None),
        (None, Some((kind, name))) => {
            let passage = seated.entered.passage()?;
            let (server, name) = passage.reach().leads(kind, &name)?;
            (Some(server), Some(name))
        }
    };
    Some(Target { server, name })
}

/// Why nobody can tell what a request is about, if nobody can: it names no tool, prompt or resource, or
/// by something that is no string, of which servers make one, each in its own way.
pub(super) fn nameless(call: &Call, era: Era) -> Result<(), Denial> {
    let named = subject(&call.message).map(|(_, value)| value.as_str());
    let wanted = match call.method.as_str() {
        tools::CALL | "prompts/get" => "params.name",
        // There are no such methods any more, which is their server's to say.
        "resources/subscribe" | "resources/unsubscribe"
            if era == Era::Modern && named.is_none() =>
        {
            return Ok(());
        }
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => "params.uri",
        "completion/complete" => "params.ref.name or params.ref.uri",
        _ => return Ok(()),
    };
    if named.flatten().is_some() || call.message.kind() != Kind::Request {
        return Ok(());
    }
    let reason = format!("{} needs {wanted}, which must be a string", call.method);
    Err(Denial::new(Code::Malformed, "message.target", reason))
}
