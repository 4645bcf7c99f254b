//! Whoever looks at what a server answers before its caller has it.

use std::future::Future;
use std::pin::Pin;

use mcps_core::code::Code;
use mcps_core::message::Message;
use mcps_core::refusal::Refusal;

use crate::link::Asked;

/// A message as its caller is to have it, or why not, as soon as that is known.
pub type Shown<'a> = Pin<Box<dyn Future<Output = Result<Message, Refusal>> + Send + 'a>>;

/// Ends when a response has to, with what its caller is told then.
pub type Ends = Pin<Box<dyn Future<Output = Code> + Send>>;

/// By what somebody let a request go on, for whoever looks for what became of it.
#[derive(Clone, Copy, Debug)]
pub struct Decided<'a> {
    /// The id of the decision.
    pub id: &'a str,
    /// The server that the request is for, where it is known.
    pub server: Option<&'a str>,
}

/// Looks at one response. Dropping it is the end of the response, whatever came of it.
pub trait Watch: Send {
    /// The answer, as the server wrote it and as its caller is to have it.
    ///
    /// # Errors
    /// Why the caller is not to have it.
    fn answer<'a>(&'a mut self, asked: &'a Asked, message: Message) -> Shown<'a>;

    /// Something else that the server says, a request of its own or a notification.
    ///
    /// # Errors
    /// Why the caller is not to have it.
    fn say<'a>(&'a mut self, message: Message) -> Shown<'a>;

    /// There is no answer of the server's: its caller is told this code.
    fn fail(&mut self, code: Code);

    /// The decision by which the request went on; what its caller is told of a failure names it. `None` where
    /// nothing is on record.
    fn decided(&self) -> Option<Decided<'_>> {
        None
    }

    /// Its caller left before the answer was theirs.
    fn lost(&mut self) {}

    /// When the response ends though its server goes on; `None` for never. It is asked once.
    fn ends(&self) -> Option<Ends> {
        None
    }
}
