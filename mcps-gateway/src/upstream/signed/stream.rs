//! Event streams of a server that signs: each message is verified before it is read, and one that the server
//! closes before it has answered goes on as what it was, since what follows is signed as the next of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mcps_transport::http::client::{EventReader, EventSource, Next};
use mcps_transport::sse::Event;

use super::{Heard, Hearing};

/// Streams of one session that broke off and nobody has come back for. Of more the oldest are given up.
const MOST: usize = 16;

/// Streams that broke off, by the events after which they go on.
#[derive(Default)]
pub(super) struct Broken(Mutex<VecDeque<(Vec<u8>, Hearing)>>);

impl Broken {
    fn all(&self) -> MutexGuard<'_, VecDeque<(Vec<u8>, Hearing)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, after: Vec<u8>, hearing: Hearing) {
        let mut all = self.all();
        all.push_back((after, hearing));
        while all.len() > MOST {
            drop(all.pop_front());
        }
    }

    /// The one that goes on after that event.
    pub(super) fn take(&self, after: &[u8]) -> Option<Hearing> {
        let mut all = self.all();
        let at = all.iter().position(|(id, _)| id == after)?;
        all.remove(at).map(|(_, hearing)| hearing)
    }
}

/// One stream.
pub(super) struct Verified {
    events: EventReader,
    /// Until nobody reads it.
    hearing: Option<Hearing>,
    /// The event after which it began again.
    after: Vec<u8>,
    broken: Option<Arc<Broken>>,
}

impl Verified {
    pub(super) const fn new(
        events: EventReader,
        hearing: Hearing,
        broken: Option<Arc<Broken>>,
    ) -> Self {
        Self {
            events,
            hearing: Some(hearing),
            after: Vec::new(),
            broken,
        }
    }

    /// The same, of one that began again after that event.
    pub(super) fn after(mut self, id: &[u8]) -> Self {
        id.clone_into(&mut self.after);
        self
    }

    /// The event after which it would go on, if it broke off here.
    fn last(&self) -> Option<&[u8]> {
        let last = match self.events.last_event_id() {
            [] => &self.after,
            last => last,
        };
        let hearing = self.hearing.as_ref().filter(|hearing| !hearing.over)?;
        let is_cut = hearing.body.finish().is_err();
        (is_cut && self.broken.is_some() && !last.is_empty()).then_some(last)
    }
}

impl Drop for Verified {
    fn drop(&mut self) {
        let last = self.last().map(<[u8]>::to_vec);
        let broken = self.broken.take().zip(last).zip(self.hearing.take());
        if let Some(((broken, last), hearing)) = broken {
            broken.put(last, hearing);
        }
    }
}

impl EventSource for Verified {
    fn next(&mut self) -> Next<'_> {
        Box::pin(async {
            loop {
                if self.hearing.as_ref().is_none_or(|hearing| hearing.over) {
                    return Ok(None);
                }
                let next = self.events.next().await;
                if matches!(next, Ok(None)) && self.last().is_some() {
                    return Ok(None);
                }
                let Some(hearing) = self.hearing.as_mut() else {
                    return Ok(None);
                };
                let next = match next {
                    Ok(next) => next,
                    // It was not closed but lost, and with it perhaps all that the server knew of it. Whoever
                    // waits is told now.
                    Err(error) => {
                        let text = hearing.lost(&error).ok_or(error)?;
                        return Ok(Some(Event::message(text.as_bytes())));
                    }
                };
                let Some(event) = next else {
                    let cut = hearing.body.finish().err();
                    let text = cut.and_then(|refusal| hearing.broke(&refusal));
                    return Ok(text.map(|text| Event::message(text.as_bytes())));
                };
                let Some(data) = event.data().filter(|data| !data.is_empty()) else {
                    return Ok(Some(event));
                };
                match hearing.hear(data.to_vec()).await {
                    Heard::Message(message) => {
                        return Ok(Some(event.with_data(message.text().as_bytes())));
                    }
                    Heard::Broken(text) => {
                        return Ok(text.map(|text| Event::message(text.as_bytes())));
                    }
                    Heard::WantsPassport | Heard::Nothing => {}
                }
            }
        })
    }
}
