//! The two ways of speaking, and how requests look in each.

/// What 2026-07-28 wants in each request.
const META: &str = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"load","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}"#;

/// Which of the two ways of speaking a client knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    /// 2025-11-25: a session.
    Legacy,
    /// 2026-07-28: each request by itself.
    Modern,
}

impl Era {
    /// Every other client.
    pub(crate) const fn of(index: usize) -> Self {
        if index.is_multiple_of(2) {
            Self::Legacy
        } else {
            Self::Modern
        }
    }

    /// A request. `params` are members, each with a comma behind it.
    pub(crate) fn request(self, id: u64, method: &str, params: &str) -> String {
        self.with_meta(id, method, params, "")
    }

    /// A call that wants word of its progress.
    pub(crate) fn call(self, id: u64, tool: &str, text: &str) -> String {
        let params = format!(r#""name":"{tool}","arguments":{{"text":"{text}"}},"#);
        let token = format!(r#""progressToken":"token-{id}""#);
        self.with_meta(id, "tools/call", &params, &token)
    }

    fn with_meta(self, id: u64, method: &str, params: &str, meta: &str) -> String {
        let ours = match self {
            Self::Legacy => "",
            Self::Modern => META,
        };
        let comma = if meta.is_empty() || ours.is_empty() {
            ""
        } else {
            ","
        };
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{{params}"_meta":{{{meta}{comma}{ours}}}}}}}"#
        )
    }

    /// The headers that 2026-07-28 wants beside such a request.
    pub(crate) fn mirrored<'m>(
        self,
        method: &'m str,
        name: Option<&'m str>,
    ) -> Vec<(&'static str, &'m str)> {
        if self == Self::Legacy {
            return Vec::new();
        }
        let mut headers = vec![
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", method),
        ];
        headers.extend(name.map(|name| ("mcp-name", name)));
        headers
    }
}
