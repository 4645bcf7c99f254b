//! How callers of the endpoint of all servers come to know its tools.

use serde::Deserialize;

/// `discovery`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Discovery {
    /// `tools/list` lists every tool that the caller may call.
    #[default]
    List,
    /// It lists `find_tools` and `call_tool`, by which they are found and called.
    Search,
}
