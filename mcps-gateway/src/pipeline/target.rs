//! What a request is about.

use super::stages::Seated;
use crate::aggregate::subject;
use crate::call::Target;
use crate::discovery::FIND_TOOLS;
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
