//! The demo user's world: notes, a home folder and an outbox, held in memory.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

/// Where the demo user's files appear to live.
pub(crate) const FOLDER: &str = "/home/demo";

const MAX_NOTES: usize = 1_000;
const MAX_TEXT: usize = 64 * 1024;
const MAX_MAILS: usize = 100;

const NOTES: [(&str, &str); 3] = [
    (
        "groceries",
        "Milk, bread, olive oil. Ask Ada whether she is bringing the cake.",
    ),
    (
        "meeting",
        "Thursday 10:00, room Turing. Agenda: the budget for the new heating, who waters the plants.",
    ),
    (
        "welcome",
        "Welcome. Agents can read and write these notes. Try to write one.",
    ),
];

const FILES: [(&str, &str); 4] = [
    (
        ".ssh/id_ed25519",
        "-----BEGIN DEMO FILE, NOT A KEY-----\n\
         This only stands where a private key would be.\n\
         demo-demo-demo-demo-demo-demo-demo-demo-demo-demo\n\
         -----END DEMO FILE, NOT A KEY-----\n",
    ),
    (
        "documents/budget.csv",
        "item,amount\nheating,4200\nplants,60\ncake,25\n",
    ),
    (
        "documents/letter.txt",
        "Dear landlord,\n\nthe heating is making that noise again.\n\nKind regards\n",
    ),
    (
        "readme.txt",
        "The home folder of a made-up user. It exists only while this server runs.\n",
    ),
];

/// What a tool call can find wrong with its arguments.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HomeError {
    /// No note has this name.
    #[error("there is no note called {0:?}: list the resources to see the notes there are")]
    NoSuchNote(String),
    /// No file has this path.
    #[error("there is no file {0:?}: call list_files to see the files there are")]
    NoSuchFile(String),
    /// A note's name is used in its URI.
    #[error("a note's name is 1 to 64 letters, digits, '-' or '_'")]
    BadName,
    /// A text is longer than the server keeps.
    #[error("the text is longer than {MAX_TEXT} bytes")]
    TooLong,
    /// Notes or mails have reached the bound.
    #[error("this server is full: restart it to begin afresh")]
    Full,
}

/// A mail that somebody believes to have sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mail {
    /// The address it would have gone to.
    pub(crate) to: String,
    /// Its subject line.
    pub(crate) subject: String,
    /// Its text.
    pub(crate) body: String,
}

/// Notes, files and outbox of the demo user.
#[derive(Debug)]
pub(crate) struct Home {
    notes: BTreeMap<String, String>,
    files: BTreeMap<&'static str, &'static str>,
    outbox: Vec<Mail>,
}

impl Home {
    /// The world as the tour knows it.
    pub(crate) fn demo() -> Self {
        Self {
            notes: NOTES
                .iter()
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
                .collect(),
            files: FILES.into_iter().collect(),
            outbox: Vec::new(),
        }
    }

    /// The notes, by name.
    pub(crate) fn notes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.notes
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// The text of one note.
    pub(crate) fn read_note(&self, name: &str) -> Result<&str, HomeError> {
        self.notes
            .get(name)
            .map(String::as_str)
            .ok_or_else(|| HomeError::NoSuchNote(name.to_owned()))
    }

    /// Writes a note, over an older one of that name.
    pub(crate) fn write_note(&mut self, name: &str, text: &str) -> Result<(), HomeError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            return Err(HomeError::BadName);
        }
        if text.len() > MAX_TEXT {
            return Err(HomeError::TooLong);
        }
        if self.notes.len() >= MAX_NOTES && !self.notes.contains_key(name) {
            return Err(HomeError::Full);
        }
        self.notes.insert(name.to_owned(), text.to_owned());
        Ok(())
    }

    /// The paths of all files below `folder`, hidden ones too, as `ls -A` would show them.
    pub(crate) fn list_files(&self, folder: &str) -> impl Iterator<Item = String> {
        let folder = inside_home(folder).trim_end_matches('/').to_owned();
        self.files
            .keys()
            .filter(move |path| {
                folder.is_empty()
                    || path
                        .strip_prefix(folder.as_str())
                        .is_some_and(|rest| rest.starts_with('/'))
            })
            .map(|path| format!("{FOLDER}/{path}"))
    }

    /// The content of one file; `path` may begin with `~/` or the home folder.
    pub(crate) fn read_file(&self, path: &str) -> Result<&'static str, HomeError> {
        self.files
            .get(inside_home(path))
            .copied()
            .ok_or_else(|| HomeError::NoSuchFile(path.to_owned()))
    }

    /// Puts a mail into the outbox, where it stays; returns how many are there now.
    pub(crate) fn send_mail(&mut self, mail: Mail) -> Result<usize, HomeError> {
        if mail.to.len() + mail.subject.len() + mail.body.len() > MAX_TEXT {
            return Err(HomeError::TooLong);
        }
        if self.outbox.len() >= MAX_MAILS {
            return Err(HomeError::Full);
        }
        self.outbox.push(mail);
        Ok(self.outbox.len())
    }

    /// The mails in the outbox, oldest first.
    pub(crate) fn outbox(&self) -> &[Mail] {
        &self.outbox
    }
}

/// `~/a`, `/home/demo/a` and `a` are one file. Nothing else is looked up anywhere, so `..` simply finds nothing.
fn inside_home(path: &str) -> &str {
    path.strip_prefix(FOLDER)
        .or_else(|| path.strip_prefix('~'))
        .unwrap_or(path)
        .trim_start_matches('/')
}
