//! What the tour prints.

use std::io::{self, Write as _};

use mcps_core::code::Code;

use super::stage::Stage;

/// One line of the tour, after it was done.
pub(crate) struct Line {
    pub(crate) title: &'static str,
    pub(crate) sent: String,
    pub(crate) outcome: Outcome,
    pub(crate) must: Option<Code>,
    pub(crate) timing: String,
}

/// What became of what was sent.
pub(crate) enum Outcome {
    /// It went through, and the answer verified.
    Delivered(String),
    /// It was refused.
    Refused { by: &'static str, code: Code },
}

impl Line {
    /// Whether it came out as it must.
    pub(crate) fn is_good(&self) -> bool {
        match (&self.outcome, self.must) {
            (Outcome::Delivered(_), None) => true,
            (Outcome::Refused { code, .. }, Some(must)) => *code == must,
            _ => false,
        }
    }

    pub(crate) fn print(&self, number: usize) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{number:>2}. {}", self.title)?;
        writeln!(out, "    sent      {}", self.sent)?;
        match &self.outcome {
            Outcome::Delivered(what) => writeln!(out, "    delivered {what}")?,
            Outcome::Refused { by, code } => {
                writeln!(out, "    refused   by {by}: {} {}", code.id(), code.title())?
            }
        }
        writeln!(out, "    took      {}", self.timing)?;
        match (self.is_good(), self.must) {
            (true, _) => writeln!(out, "    ok\n"),
            (false, Some(code)) => writeln!(
                out,
                "    WRONG     it must be refused with {} {}\n",
                code.id(),
                code.title()
            ),
            (false, None) => writeln!(out, "    WRONG     it must be delivered\n"),
        }
    }
}

pub(crate) fn title(stage: &Stage) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "mcps dev: the signed path, on this machine")?;
    writeln!(out, "  authority  {}", stage.url())?;
    writeln!(out, "  server     {}", stage.server().join(" "))?;
    writeln!(
        out,
        "  files      {}{}",
        stage.dir().display(),
        if stage.is_temporary() {
            " (removed at the end; keep them with --dir DIR)"
        } else {
            ""
        }
    )?;
    writeln!(
        out,
        "  path       client -> mcps connect (signs) -> [mcps-gateway (judges) ->] mcps-wrap (verifies) -> server\n"
    )
}

pub(crate) fn verdict(good: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if good {
        writeln!(out, "Every line came out as it must.")
    } else {
        writeln!(
            out,
            "Not every line came out as it must; the programs' own words are under logs/ (use --dir DIR to keep them)."
        )
    }
}

pub(crate) fn settings(stage: &Stage) -> anyhow::Result<()> {
    let command = stage.connected("agent", &stage.wrapped("server", &[], stage.server())?)?;
    let mut words = command.into_iter();
    let settings = serde_json::json!({
        "mcpServers": { "signed": { "command": words.next(), "args": words.collect::<Vec<_>>() } }
    });
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "\nPaste this into your MCP client's settings; it then speaks signed MCP without knowing:\n"
    )?;
    writeln!(out, "{}\n", serde_json::to_string_pretty(&settings)?)?;
    let mcps = std::env::current_exe()?;
    let (mcps, dir) = (mcps.display(), stage.dir().display());
    writeln!(
        out,
        "Cut that client off, and see it in a third terminal:\n\n  \
         {mcps} --home {dir}/agent passport revoke --reason policy --operator-key-file {dir}/operator.key\n  \
         {mcps} --home {dir}/server feed watch\n"
    )?;
    writeln!(
        out,
        "The authority stays up at {} until you press Ctrl-C.",
        stage.url()
    )?;
    Ok(())
}
