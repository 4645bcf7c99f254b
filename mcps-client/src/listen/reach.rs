//! How a server is reached: over the network, or in any other way that answers as a server over
//! Streamable HTTP does.

use std::pin::Pin;
use std::sync::Arc;

use http::HeaderMap;
use mcps_core::code::Code;
use mcps_core::envelope::Act;
use mcps_core::message::{Id, Message};
use mcps_transport::error::TransportError;
use mcps_transport::http::client::{Client, Response};

use crate::link::Link;

/// An answer that is waited for. Dropping it is leaving.
pub type Awaited<'a> = Pin<Box<dyn Future<Output = Result<Response, TransportError>> + Send + 'a>>;

/// One message on its way to a server.
#[derive(Debug)]
pub struct Outward {
    /// The message, without envelope.
    pub message: Message,
    /// What goes beside it.
    pub headers: HeaderMap,
    /// Who signed it, and which signed object of theirs it was; absent when nobody did.
    pub act: Option<Act>,
}

/// One caller's way to a server.
pub trait Reach: Send + Sync {
    /// Sends a message.
    fn post(&self, outward: Outward) -> Awaited<'_>;

    /// Asks for the stream of the server's own messages, or for the rest of one (until 2025-11-25).
    fn get<'a>(&'a self, last_event_id: Option<&'a [u8]>, headers: HeaderMap) -> Awaited<'a>;

    /// Ends the session that the headers name (until 2025-11-25).
    fn delete(&self, headers: HeaderMap) -> Awaited<'_>;

    /// Which of several servers offers something, and what it is called there. `kind` is what the
    /// member of a list is called: `tools`, `prompts`, `resources` or `resourceTemplates`.
    fn leads(&self, kind: &str, name: &str) -> Option<(String, String)> {
        let _ = (kind, name);
        None
    }

    /// Which of several servers asked something of the caller by itself, under that id.
    fn asked_by(&self, id: &Id) -> Option<String> {
        let _ = id;
        None
    }

    /// What a result asks of the caller before it is one (2026-07-28) is not going to be answered. `state`
    /// is the result's `requestState`; `refused` has the code and the decision by which the caller is not
    /// asked, and is absent where it has left.
    fn unasked(&self, state: &str, refused: Option<(Code, &str)>) {
        let _ = (state, refused);
    }

    /// The way to one of several servers alone.
    fn member(&self, server: &str) -> Option<Arc<dyn Reach>> {
        let _ = server;
        None
    }

    /// The caller is gone and comes no more.
    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }
}

/// Makes each caller a way of their own.
pub trait Opens: Send + Sync {
    /// For the caller on `link`, who `stays` or asks once.
    fn open(&self, link: &Link, stays: bool) -> Arc<dyn Reach>;

    /// Nobody is made a way any more: what all of them had in common ends.
    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }
}

/// A server over the network, which all callers reach in the same way.
pub struct Network(pub Arc<Client>);

impl Opens for Network {
    fn open(&self, _: &Link, _: bool) -> Arc<dyn Reach> {
        Arc::clone(&self.0) as Arc<dyn Reach>
    }
}

impl Reach for Client {
    fn post(&self, outward: Outward) -> Awaited<'_> {
        Box::pin(self.post(outward.message.into_text(), outward.headers))
    }

    fn get<'a>(&'a self, last_event_id: Option<&'a [u8]>, headers: HeaderMap) -> Awaited<'a> {
        Box::pin(self.get(last_event_id, headers))
    }

    fn delete(&self, headers: HeaderMap) -> Awaited<'_> {
        Box::pin(self.delete(headers))
    }
}
