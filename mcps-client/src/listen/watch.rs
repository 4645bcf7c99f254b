//! Whoever looks at what a server answers before its caller has it.

use mcps_core::code::Code;
use mcps_core::message::Message;
use mcps_core::refusal::Refusal;

use crate::link::Asked;

/// Looks at one response. Dropping it is the end of the response, whatever came of it.
pub trait Watch: Send {
    /// The answer, as the server wrote it and as its caller is to have it.
    ///
    /// # Errors
    /// Why the caller is not to have it.
    fn answer(&mut self, asked: &Asked, message: Message) -> Result<Message, Refusal>;

    /// Something else that the server says, a request of its own or a notification.
    ///
    /// # Errors
    /// Why the caller is not to have it.
    fn say(&mut self, message: Message) -> Result<Message, Refusal>;

    /// There is no answer of the server's: its caller is told this code.
    fn fail(&mut self, code: Code);
}
