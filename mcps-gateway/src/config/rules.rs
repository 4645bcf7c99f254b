//! `[quarantine]`: what is held back until an operator has looked at it. Changed definitions are,
//! whatever stands here.

use serde::Deserialize;

/// What becomes of something that was never seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Admission {
    /// It is approved as it is.
    Pin,
    /// It is held back.
    Hold,
}

/// What becomes of a new tool whose name looks like that of another server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LookAlikes {
    /// It is listed in quarantine and may be called.
    Flag,
    /// It is held back.
    Hold,
}

/// The table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// The tools of a server that was never listed before: an operator has chosen it.
    pub new_servers: Admission,
    /// Tools that a server lists later on: nobody has chosen those.
    pub new_tools: Admission,
    /// Look-alikes, new servers' among them.
    pub look_alikes: LookAlikes,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            new_servers: Admission::Pin,
            new_tools: Admission::Hold,
            look_alikes: LookAlikes::Hold,
        }
    }
}
