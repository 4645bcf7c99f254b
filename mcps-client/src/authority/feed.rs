//! The authority's revocation feed over HTTP (`docs/feed.md`, section 6).

use std::time::Duration;

use mcps_core::feed::{Cursor, MAX_BYTES, MAX_SNAPSHOT_BYTES};
use mcps_core::json::{Document, Limits, Value};
use mcps_transport::sse::{Decoder, EventLimits};
use reqwest::{RequestBuilder, Response, StatusCode, header};

use super::{AuthorityClient, silence};
use crate::feed::{Desk, Frames, Trouble, Wire};

/// As long as a stream may last: for ever.
const ENDLESS: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
/// How long the authority holds back an answer that brings nothing new.
const WAIT_S: u64 = 20;
/// How long such an answer may take.
const POLL: Duration = Duration::from_secs(35);
/// How long a snapshot may take.
const SNAPSHOT: Duration = Duration::from_secs(120);
/// How long a small answer may take.
const SMALL: Duration = Duration::from_secs(5);
/// Frames in one answer.
const MAX_FRAMES: usize = 16;
/// Largest problem and statement that are read.
const MAX_SMALL: usize = 64 * 1024;

/// What a frame and the lines around it may take.
const EVENT: EventLimits = EventLimits {
    line_bytes: MAX_BYTES + 1024,
    event_bytes: MAX_BYTES + 16 * 1024,
};

impl AuthorityClient {
    fn ask(&self, path: &str, within: Duration) -> RequestBuilder {
        let request = self.http.get(format!("{}{path}", self.url));
        request.timeout(within)
    }
}

impl Wire for AuthorityClient {
    type Stream = FrameStream;

    async fn stream(&self, after: Option<Cursor>) -> Result<FrameStream, Trouble> {
        let mut request = self
            .ask("/v1/feed", ENDLESS)
            .header(header::ACCEPT, "text/event-stream")
            .header(header::CACHE_CONTROL, "no-store");
        if let Some(after) = after {
            request = request.header("last-event-id", after.to_string());
        }
        let response = answer(request, "text/event-stream").await?;
        Ok(FrameStream {
            response,
            decoder: Decoder::new(EVENT),
            chunk: Vec::new(),
            taken: 0,
        })
    }

    async fn frames(&self, after: Cursor) -> Result<Vec<String>, Trouble> {
        let path = format!("/v1/feed/frames?after={after}&wait_s={WAIT_S}");
        let response = answer(self.ask(&path, POLL), "application/json").await?;
        let limit = MAX_FRAMES * MAX_BYTES + MAX_SMALL;
        let limits = Limits {
            bytes: limit,
            depth: 20,
        };
        let document = Document::parse_with(body(response, limit).await?, limits);
        let document = document.map_err(|error| unexpected(&error.to_string()))?;
        let frames = document.root().get("frames").and_then(Value::as_array);
        let frames = frames.ok_or_else(|| unexpected("no `frames`"))?;
        if frames.len() > MAX_FRAMES {
            return Err(unexpected("more frames than one answer may have"));
        }
        Ok(frames.iter().map(|frame| frame.raw().to_owned()).collect())
    }

    async fn snapshot(&self) -> Result<Vec<u8>, Trouble> {
        let request = self.ask("/v1/feed/snapshot", SNAPSHOT);
        let response = answer(request, "application/json").await?;
        body(response, MAX_SNAPSHOT_BYTES).await
    }

    async fn epoch(&self, number: u64) -> Result<String, Trouble> {
        let path = format!("/v1/feed/epochs/{number}");
        let response = answer(self.ask(&path, SMALL), "application/json").await?;
        let bytes = body(response, MAX_SMALL).await?;
        String::from_utf8(bytes).map_err(|_| unexpected("a statement that is not UTF-8"))
    }
}

impl Desk for AuthorityClient {
    async fn acknowledge(&self, ack: String) -> Result<(), Trouble> {
        let request = self.http.post(format!("{}/v1/feed/acks", self.url));
        let request = request.timeout(SMALL).body(ack);
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let response = request.send().await.map_err(|error| broken(&error))?;
        match response.status().is_success() {
            true => Ok(()),
            false => Err(problem(response).await),
        }
    }
}

fn unexpected(what: &str) -> Trouble {
    Trouble::Answer(format!("an answer that is none of the feed's: {what}"))
}

fn broken(error: &reqwest::Error) -> Trouble {
    Trouble::Unreachable(silence(error).to_owned())
}

/// The answer, if it is one of that media type.
async fn answer(request: RequestBuilder, media: &str) -> Result<Response, Trouble> {
    let response = request.send().await.map_err(|error| broken(&error))?;
    if response.status() != StatusCode::OK {
        return Err(problem(response).await);
    }
    let named = response.headers().get(header::CONTENT_TYPE);
    let named = named.and_then(|value| value.to_str().ok()).unwrap_or("");
    let named = named.split(';').next().unwrap_or("").trim();
    if named.eq_ignore_ascii_case(media) {
        Ok(response)
    } else {
        Err(unexpected(&format!("it is not {media}")))
    }
}

async fn body(mut response: Response, limit: usize) -> Result<Vec<u8>, Trouble> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
        if bytes.len() + chunk.len() > limit {
            return Err(unexpected("it is too long"));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

async fn problem(response: Response) -> Trouble {
    let status = response.status();
    let wait = response.headers().get(header::RETRY_AFTER);
    let wait = wait
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .map(Duration::from_secs);
    match status {
        StatusCode::NOT_FOUND => return Trouble::Absent,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            return Trouble::Busy(wait);
        }
        _ => {}
    }
    let other = Trouble::Answer(format!("it answered {status}"));
    if status != StatusCode::GONE {
        return other;
    }
    let reading = tokio::time::timeout(SMALL, body(response, MAX_SMALL));
    let Ok(Ok(bytes)) = reading.await else {
        return other;
    };
    let Ok(document) = Document::parse(bytes) else {
        return other;
    };
    let root = document.root();
    let kind = root.get("type").and_then(Value::as_str);
    match kind.as_deref().map(last) {
        Some("position-pruned") => Trouble::Pruned,
        Some("epoch-ended") => Trouble::EpochEnded(root.get("epoch").and_then(number)),
        _ => other,
    }
}

/// After the last slash, colon or hash.
fn last(text: &str) -> &str {
    text.rsplit(['/', ':', '#']).next().unwrap_or(text)
}

/// A number, or the address of what has it for its name.
fn number(value: Value<'_>) -> Option<u64> {
    let text = value.as_str();
    let named = text.and_then(|text| last(&text).parse().ok());
    named.or_else(|| value.as_i64()?.try_into().ok())
}

/// A stream of frames.
#[derive(Debug)]
pub struct FrameStream {
    response: Response,
    decoder: Decoder,
    chunk: Vec<u8>,
    /// How much of `chunk` was read.
    taken: usize,
}

impl Frames for FrameStream {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Trouble> {
        loop {
            let mut rest = self.chunk.get(self.taken..).unwrap_or_default();
            let event = self.decoder.next(&mut rest);
            self.taken = self.chunk.len() - rest.len();
            let event = event.map_err(|error| unexpected(&error.to_string()))?;
            let complete = event.is_some();
            // Comments keep the connection alive; whoever waits for a frame goes on waiting.
            if let Some(data) = event.and_then(|event| event.data()) {
                return Ok(Some(data.to_vec()));
            }
            if complete {
                continue;
            }
            let chunk = self.response.chunk().await;
            match chunk.map_err(|error| broken(&error))? {
                Some(chunk) => (self.chunk, self.taken) = (chunk.to_vec(), 0),
                None => return Ok(None),
            }
        }
    }
}

#[cfg(test)]
mod tests;
