//! What a subject may be called: texts that are read once at the edge and then known to be sound.

use serde::Deserialize;
use utoipa::ToSchema;

/// Defines a newtype over `String` whose only constructor checks a rule.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $rule:path, $pattern:tt, $longest:tt, $why:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
        #[serde(try_from = "String")]
        #[schema(value_type = String, pattern = $pattern, max_length = $longest)]
        pub struct $name(String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text, owned.
            #[must_use]
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = &'static str;

            fn try_from(text: String) -> Result<Self, &'static str> {
                if $rule(&text) { Ok(Self(text)) } else { Err($why) }
            }
        }
    };
}

checked_text!(
    /// A tenant's id: lower-case letters, digits and `-`, at most 63.
    Tenant,
    is_tenant,
    "^[a-z0-9][a-z0-9-]*$",
    63,
    "a tenant is 1 to 63 lower-case letters, digits or `-`, and begins with a letter or digit"
);

checked_text!(
    /// A subject's name: letters, digits, `.`, `_` and `-`, at most 128. ASCII alone, so that no
    /// two names look the same.
    Name,
    is_name,
    "^[A-Za-z0-9][A-Za-z0-9._-]*$",
    128,
    "a name is 1 to 128 ASCII letters, digits, `.`, `_` or `-`, and begins with a letter or digit"
);

checked_text!(
    /// A subject's version: visible ASCII, at most 64.
    Version,
    is_version,
    "^[!-~]+$",
    64,
    "a version is 1 to 64 visible ASCII characters without spaces"
);

checked_text!(
    /// A manifest's version: letters, digits, `.`, `_`, `+` and `-`, at most 64, since it stands in
    /// paths.
    ManifestVersion,
    is_manifest_version,
    "^[A-Za-z0-9][A-Za-z0-9._+-]*$",
    64,
    "a manifest's version is 1 to 64 ASCII letters, digits, `.`, `_`, `+` or `-`, and begins with a letter or digit"
);

checked_text!(
    /// Whoever answers for the subject, at most 256 bytes.
    Owner,
    is_owner,
    "^[^\\s\\u0000-\\u001f\\u007f-\\u009f]([^\\u0000-\\u001f\\u007f-\\u009f]*[^\\s\\u0000-\\u001f\\u007f-\\u009f])?$",
    256,
    "an owner is 1 to 256 bytes, without control characters or blanks at its ends"
);

checked_text!(
    /// One capability, at most 128 bytes.
    Capability,
    is_capability,
    "^[^\\s\\u0000-\\u001f\\u007f-\\u009f]([^\\u0000-\\u001f\\u007f-\\u009f]*[^\\s\\u0000-\\u001f\\u007f-\\u009f])?$",
    128,
    "a capability is 1 to 128 bytes, without control characters or blanks at its ends"
);

checked_text!(
    /// A canonical http or https URI: lower-case scheme and host, no default port, no user, no
    /// fragment, no query.
    Origin,
    is_origin,
    "^https?://[a-z0-9\\[\\].:-]+(/[!-~]*)?$",
    2048,
    "an origin is like https://host, https://host:8443 or https://host/path: lower-case scheme and host, no default port, user, query or fragment"
);

checked_text!(
    /// A remark of an operator, at most 1024 bytes.
    Note,
    is_note,
    "^[^\\u0000-\\u001f\\u007f-\\u009f]*$",
    1024,
    "a note is at most 1024 bytes without control characters"
);

checked_text!(
    /// A tool's name, as its server calls it: at most 256 bytes.
    ToolName,
    mcps_core::verdict::is_name,
    "^[^\\u0000-\\u001f\\u007f-\\u009f]+$",
    256,
    "a tool's name is 1 to 256 bytes without control characters"
);

impl Default for Tenant {
    fn default() -> Self {
        Self("default".to_owned())
    }
}

fn is_tenant(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.len() <= 63 && !text.is_empty() && !text.starts_with('-') && text.bytes().all(allowed)
}

fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    text.len() <= 128
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(allowed)
}

fn is_version(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_manifest_version(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte);
    text.len() <= 64
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(allowed)
}

fn is_owner(text: &str) -> bool {
    is_plain(text, 256)
}

fn is_capability(text: &str) -> bool {
    is_plain(text, 128)
}

fn is_note(text: &str) -> bool {
    text.len() <= 1024 && !text.contains(char::is_control)
}

fn is_plain(text: &str, limit: usize) -> bool {
    !text.is_empty()
        && text.len() <= limit
        && text.trim() == text
        && !text.contains(char::is_control)
}

fn is_origin(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let default_port = match scheme {
        "https" => "443",
        "http" => "80",
        _ => return false,
    };
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    text.len() <= 2048
        && is_host(host)
        && port.is_none_or(|port| port != default_port && is_port(port))
        && path
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"?#\\\"<>^`{|}".contains(&byte))
}

fn is_port(text: &str) -> bool {
    !text.starts_with(['0', '+']) && text.parse::<u16>().is_ok()
}

fn is_host(text: &str) -> bool {
    if let Some(address) = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
    {
        let parsed = address.parse::<std::net::Ipv6Addr>();
        return parsed.is_ok_and(|parsed| parsed.to_string() == address);
    }
    let label = |label: &str| {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(allowed)
    };
    text.len() <= 253 && text.split('.').all(label)
}

#[cfg(test)]
mod tests;
