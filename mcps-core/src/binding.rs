//! Which request an answer belongs to: requests in flight, and the `req` that their answers carry.

use std::collections::HashMap;

use crate::digest::Digest;
use crate::message::Id;
use crate::passport::PassportId;
use crate::refusal::Refusal;

/// A request as its answer names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Req {
    /// Hash of the request's signed object.
    pub hash: Digest,
    /// The request's nonce.
    pub nonce: String,
    /// Who asked.
    pub passport_id: PassportId,
}

/// Requests in flight in one direction of a connection, at most `limit` of them.
#[derive(Debug)]
pub struct Pending<T> {
    requests: HashMap<Id, (Req, T)>,
    limit: usize,
}

impl<T> Pending<T> {
    /// With room for `limit` requests.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            requests: HashMap::new(),
            limit,
        }
    }

    /// Notes a request.
    ///
    /// # Errors
    /// [`Refusal::Full`] beyond the limit, [`Refusal::Message`] when the id is already in flight.
    pub fn insert(&mut self, id: Id, req: Req, note: T) -> Result<(), Refusal> {
        if self.requests.len() >= self.limit {
            return Err(Refusal::Full("the table of requests in flight"));
        }
        if self.requests.contains_key(&id) {
            return Err(Refusal::Message(
                "a request with this `id` is still in flight",
            ));
        }
        self.requests.insert(id, (req, note));
        Ok(())
    }

    /// The request with this id.
    #[must_use]
    pub fn get(&self, id: &Id) -> Option<&(Req, T)> {
        self.requests.get(id)
    }

    /// Whether some request in flight is the one named.
    #[must_use]
    pub fn names(&self, req: &Req) -> bool {
        self.requests.values().any(|(own, _)| own == req)
    }

    /// Takes a request off the table because its answer came, which must name it.
    ///
    /// # Errors
    /// [`Refusal::NotBound`]; the request stays in flight.
    pub fn settle(&mut self, id: &Id, claimed: Option<&Req>) -> Result<(Req, T), Refusal> {
        let claimed = claimed.ok_or(Refusal::NotBound("it names no request"))?;
        let (own, _) = self
            .requests
            .get(id)
            .ok_or(Refusal::NotBound("no such request is in flight"))?;
        if own != claimed {
            return Err(Refusal::NotBound("it names another request"));
        }
        self.requests
            .remove(id)
            .ok_or(Refusal::NotBound("no such request is in flight"))
    }

    /// Takes a request off without an answer: the connection ended or it was never sent.
    pub fn remove(&mut self, id: &Id) -> Option<(Req, T)> {
        self.requests.remove(id)
    }

    /// What was noted with each request in flight.
    pub fn notes(&self) -> impl Iterator<Item = &T> {
        self.requests.values().map(|(_, note)| note)
    }

    /// Takes all off.
    pub fn drain(&mut self) -> impl Iterator<Item = (Id, T)> {
        self.requests.drain().map(|(id, (_, note))| (id, note))
    }

    /// How many are in flight.
    #[must_use]
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }
}

#[cfg(test)]
mod tests;
