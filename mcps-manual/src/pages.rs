//! Manual pages and completions.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Command, Subcommand};
use clap_complete::Shell;

/// The two commands that every program of ours has for it.
#[derive(Clone, Debug, Subcommand)]
pub enum Manual {
    /// Write a manual page for each command, to be read with `man`.
    Man {
        /// The folder for the pages; it is made if it is missing.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Print what a shell needs to complete commands and options.
    Completions {
        /// Which shell.
        shell: Shell,
    },
}

/// Why there is no manual.
#[derive(Debug, thiserror::Error)]
pub enum ManualError {
    /// The pages cannot be written.
    #[error("cannot write manual pages to {}: {source}; name a folder that can be written to with --out DIR", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Nobody takes what is printed.
    #[error("cannot write to standard output: {0}; check where it goes")]
    Output(#[source] io::Error),
}

impl Manual {
    /// Writes the pages, or prints the completions, of this tree of commands.
    ///
    /// # Errors
    /// [`ManualError`].
    pub fn run(&self, mut command: Command, out: &mut dyn Write) -> Result<(), ManualError> {
        let name = command.get_name().to_owned();
        let text = match self {
            Self::Man { out } => {
                let failed = |source| ManualError::Folder {
                    path: out.clone(),
                    source,
                };
                fs::create_dir_all(out).map_err(failed)?;
                clap_mangen::generate_to(command, out).map_err(failed)?;
                let page = out.join(&name).with_extension("1");
                format!("read it with: man -l {}\n", page.display()).into_bytes()
            }
            Self::Completions { shell } => {
                let mut text = Vec::new();
                clap_complete::generate(*shell, &mut command, name, &mut text);
                text
            }
        };
        match out.write_all(&text).and_then(|()| out.flush()) {
            // A reader who has seen enough is no failure.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(ManualError::Output(error))
            }
            _ => Ok(()),
        }
    }
}
