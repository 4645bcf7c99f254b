//! The default pack: on from the start, each rule with its reason.

use super::source::{Kind, Source};

/// Its texts.
pub(super) fn sources() -> Vec<Source> {
    [
        (
            "default.toml",
            Kind::Toml,
            include_str!("../../../config/policy/default.toml"),
        ),
        (
            "default.cedar",
            Kind::Cedar,
            include_str!("../../../config/policy/default.cedar"),
        ),
    ]
    .into_iter()
    .map(|(name, kind, text)| Source {
        name: name.to_owned(),
        kind,
        text: text.to_owned(),
    })
    .collect()
}
