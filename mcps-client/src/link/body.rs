//! One HTTP response body: a stream of its own, and all of it belongs to the request that it
//! answers. What is posted is no part of any stream; its nonce alone keeps it from coming again.

use mcps_core::binding::Req;
use mcps_core::digest::Digest;
use mcps_core::envelope::Act;
use mcps_core::refusal::Refusal;
use mcps_core::stream::Stream;

use crate::token::Presented;

/// Either end of a response body. A body that is resumed goes on with the same one.
#[derive(Clone, Debug)]
pub struct Body {
    pub(super) stream: Stream,
    /// What it answers; absent where the other end does not sign.
    pub(super) req: Option<Req>,
    /// The last message was sent, or came.
    pub(super) ended: bool,
    /// Its first message shows the whole passport.
    pub(super) introduces: bool,
}

impl Body {
    pub(super) fn answering(req: Option<Req>, introduces: bool) -> Self {
        Self {
            stream: Stream::new(),
            req,
            ended: false,
            introduces,
        }
    }

    /// Whether its last message was sent, or came.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        self.ended
    }

    /// Takes note that the bytes of the body are over.
    ///
    /// # Errors
    /// [`Refusal::StreamBroken`] when the message that says `last` did not come: the body was cut.
    pub const fn finish(&self) -> Result<(), Refusal> {
        if self.ended || self.req.is_none() {
            Ok(())
        } else {
            Err(Refusal::StreamBroken("it ended before its last message"))
        }
    }
}

/// Where a message that goes out takes its place.
pub(super) enum Outgoing<'b> {
    /// Next on this connection.
    Connection,
    /// By itself, in a request, with the access token of this hash, on somebody's behalf.
    Post(Option<Digest>, Option<Act>),
    /// Next in a response, and whether as its last.
    Body(&'b mut Body, bool),
}

/// Where a message that came in has its place.
pub(super) enum Incoming<'b> {
    /// Next on this connection.
    Connection,
    /// By itself, in a request, and what access token came with it.
    Post(Presented),
    /// Next in a response.
    Body(&'b mut Body),
}
