//! What is not passed on.

use mcps_core::binding::Req;
use mcps_core::envelope::Sealed;
use mcps_core::message::{Id, Kind, Message, Outline};
use mcps_core::refusal::Refusal;

/// A message that is not passed on, and what is needed to say so.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub refusal: Refusal,
    /// Its shape, as far as it could be read.
    pub kind: Option<Kind>,
    /// Its id, as far as it could be read.
    pub id: Option<Id>,
    /// How it names itself, as far as its envelope could be read.
    pub req: Option<Req>,
    /// The other end signed it for this connection, and it will not be served when it comes again:
    /// the refusal is final. Of anything else a better copy may still come, so that nobody may
    /// be told for certain that it was refused.
    pub authentic: bool,
    /// The message as its writer wrote it, for an observer that passes it on all the same.
    pub message: Option<Message>,
}

impl Refused {
    /// Of something that could not be read, as far as its shape could.
    #[must_use]
    pub fn unread(refusal: Refusal, Outline { kind, id }: Outline) -> Self {
        Self {
            refusal,
            kind,
            id,
            req: None,
            authentic: false,
            message: None,
        }
    }

    pub(super) fn of(refusal: Refusal, message: &Message) -> Self {
        let outline = Outline {
            kind: Some(message.kind()),
            id: message.id().cloned(),
        };
        Self::unread(refusal, outline)
    }

    pub(super) fn of_sealed(refusal: Refusal, sealed: Sealed, authentic: bool) -> Box<Self> {
        let mut refused = Self::of(refusal, sealed.message());
        refused.req = Some(sealed.as_req());
        refused.authentic = authentic;
        refused.message = sealed.strip().ok();
        Box::new(refused)
    }
}
