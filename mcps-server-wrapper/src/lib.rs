//! `mcps-wrap`: beside one MCP server. What comes in is verified before the server sees it, what
//! goes out is signed with the server's passport. The server itself stays as it is.

pub mod listen;
pub mod wrap;
