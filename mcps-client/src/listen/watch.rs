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

    /// Its caller left before the answer was theirs.
    fn lost(&mut self) {}

    /// When the response ends though its server goes on; `None` for never. It is asked once.
    fn ends(&self) -> Option<Ends> {
        None
    }
}
