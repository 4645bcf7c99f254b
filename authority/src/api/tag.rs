//! Answers that are not sent again to whoever has them (RFC 9110 §13.1.2).

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use mcps_core::digest::Digest;

use super::Shared;
use crate::error::Error;

/// `If-None-Match`, where there is one.
#[derive(Debug)]
pub(super) struct Known(Option<String>);

impl FromRequestParts<Shared> for Known {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Error> {
        let header = parts.headers.get(header::IF_NONE_MATCH);
        let text = header.and_then(|value| value.to_str().ok());
        Ok(Self(text.map(str::to_owned)))
    }
}

impl Known {
    /// The answer with its tag, or 304 for whoever has just that. `cache` says how long it may be
    /// used without asking.
    pub(super) fn or_send(&self, json: String, cache: &'static str) -> Response {
        let tag = format!("\"{}\"", Digest::of(json.as_bytes()));
        let known = self.0.as_deref().is_some_and(|known| names(known, &tag));
        let mut response = if known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(header::CONTENT_TYPE, "application/json")], json).into_response()
        };
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            headers.insert(header::ETAG, tag);
        }
        response
    }
}

/// Whether a list of tags names this one; a weak one is as good here (RFC 9110 §8.8.3.2).
fn names(list: &str, tag: &str) -> bool {
    let mut tags = list.split(',').map(str::trim);
    tags.any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_tag_is_found_among_others_and_not_in_part() {
        let tag = "\"abc\"";
        for known in ["\"abc\"", "W/\"abc\"", "\"x\", \"abc\"", "*"] {
            assert!(names(known, tag), "{known}");
        }
        for other in ["", "abc", "\"ab\"", "\"abcd\"", "\"x\",\"y\""] {
            assert!(!names(other, tag), "{other}");
        }
    }
}
