//! A server reached over Streamable HTTP by callers that sign. It is a process that speaks standard
//! input and output, one for each session or one for all, or it is a server over HTTP itself, or
//! what is reached as if it were one.

mod alias;
mod exchange;
mod horizon;
mod hub;
mod mirror;
mod names;
mod presence;
mod process;
mod reach;
mod session;
mod upstream;
mod watch;

pub use alias::Alias;
pub use horizon::Horizon;
pub use hub::{Admitted, Arrived, Barred, Behind, Entered, Fetched, Hub, Parts, status_of};
pub use mirror::Era;
pub use names::{Names, PATH};
pub use reach::{Awaited, Network, Opens, Outward, Reach};
pub use upstream::{CREDENTIALS, Passage, Upstream, UpstreamOptions, client};
pub use watch::{Decided, Ends, Shown, Watch};
