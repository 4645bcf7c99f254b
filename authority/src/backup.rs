//! A backup: everything in the database as of one instant, the same file from SQLite and PostgreSQL,
//! and back into an empty database of either. One JSON value a line: a head, each table's columns and
//! rows, and at the end how many lines there were and the digest of them.

mod key_set;

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use mcps_core::clock::{Clock, Timestamp};
use mcps_core::digest::{Digest, Hasher};
use mcps_core::feed::{Epoch, FeedError, Position};
use mcps_core::refusal::Refusal;
use mcps_core::signer::Signer;
use mcps_core::trust::{KeyUse, TrustBundle};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config::Config;
use crate::custody::{Custody, CustodyError};
use crate::error::Error;
use crate::serve::{make_private, open, open_changing, open_founded, recording};
use crate::start::StartError;
use crate::store::{Cell, Db, Part, TABLES};
use key_set::Exchange;

/// What every backup says it is.
const KIND: &str = "mcps-authority backup";
/// The form of the file.
const FORMAT: u32 = 1;

/// A backup that was not made, or not taken back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file cannot be written or read.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is no backup, or one of another form.
    #[error("line {line}: {why}; it is no backup by `mcps-authority backup`, or not whole")]
    Form {
        /// Which line.
        line: u64,
        /// What is wrong there.
        why: &'static str,
    },
    /// A newer version made it.
    #[error("a newer version made this backup (its tables are at {0}); use that version")]
    Newer(i64),
    /// There is something in the database already.
    #[error(
        "there is an authority in this database already; name an empty data directory with --data-dir, or an empty database with --database-url"
    )]
    NotEmpty,
    /// The root key is not here.
    #[error(
        "a restored authority begins a new epoch of its feed, which only the root key {kid} can sign; it was looked for in {whereabouts}"
    )]
    RootAbsent {
        /// Which key.
        kid: String,
        /// Where it was looked for.
        whereabouts: String,
    },
    /// The new epoch is not one.
    #[error("--epoch must be more than the present one, {0}")]
    EpochOrder(u64),
    /// The key set does not verify.
    #[error("the key set does not verify: {0}")]
    KeySet(#[from] Refusal),
    /// The epoch's statement cannot be made.
    #[error("the new epoch: {0}")]
    Epoch(#[from] FeedError),
    /// A key cannot be used.
    #[error(transparent)]
    Custody(#[from] CustodyError),
    /// The authority cannot be opened.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The database refuses.
    #[error("the database: {0}")]
    Database(#[from] sqlx::Error),
    /// The tables cannot be made.
    #[error("the tables: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// Something else failed.
    #[error(transparent)]
    Other(#[from] Error),
}

/// The first line.
#[derive(Debug, Deserialize, Serialize)]
struct Head {
    backup: String,
    format: u32,
    /// The newest migration.
    schema: i64,
    authority: String,
    /// The key set, by which it is known whose keys are needed.
    key_set: String,
    at: String,
}

/// The last line.
#[derive(Debug, Deserialize, Serialize)]
struct Tail {
    /// Lines before this one.
    lines: u64,
    /// SHA-256 of them.
    digest: String,
}

/// What was written or read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The authority's name.
    pub authority: String,
    /// When the backup was made.
    pub at: String,
    /// How many rows.
    pub rows: u64,
}

struct Writer<'a> {
    path: &'a Path,
    file: BufWriter<File>,
    hasher: Hasher,
    lines: u64,
}

impl Writer<'_> {
    fn line(&mut self, value: &impl Serialize) -> Result<(), BackupError> {
        let fail = |source| BackupError::File {
            path: self.path.to_owned(),
            source,
        };
        let mut text = serde_json::to_string(value).map_err(|error| fail(error.into()))?;
        text.push('\n');
        self.file.write_all(text.as_bytes()).map_err(fail)?;
        self.hasher.put(text.as_bytes());
        self.lines += 1;
        Ok(())
    }
}

/// Writes a backup of the authority to a new file, mode 0600, while it runs or not.
///
/// # Errors
/// [`BackupError`]; an unfinished file is removed.
pub async fn backup(
    config: &Config,
    path: &Path,
    clock: &dyn Clock,
) -> Result<Summary, BackupError> {
    let db = open_founded(config).await?;
    let written = write(&db, path, clock.now()).await;
    let not_new = |error: &BackupError| {
        matches!(error, BackupError::File { source, .. }
            if source.kind() == io::ErrorKind::AlreadyExists)
    };
    if written.as_ref().is_err_and(|error| !not_new(error)) {
        // Half of one must not be taken for one.
        let _ = fs::remove_file(path);
    }
    db.close().await;
    written
}

async fn write(db: &Db, path: &Path, now: Timestamp) -> Result<Summary, BackupError> {
    let fail = |source| BackupError::File {
        path: path.to_owned(),
        source,
    };
    let founding = db.founding().await?.ok_or(StartError::NotFounded)?;
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    let mut writer = Writer {
        path,
        file: BufWriter::new(file.map_err(fail)?),
        hasher: Hasher::new(),
        lines: 0,
    };
    writer.line(&Head {
        backup: KIND.to_owned(),
        format: FORMAT,
        schema: db.schema().await?,
        authority: founding.name.clone(),
        key_set: founding.bundle,
        at: now.to_string(),
    })?;
    let mut rows = 0;
    db.dump(|part| match part {
        Part::Table(table, columns) => writer.line(&json!({"table": table, "columns": columns})),
        Part::Row(cells) => {
            rows += 1;
            writer.line(&Value::Array(cells.into_iter().map(to_json).collect()))
        }
    })
    .await?;
    let tail = Tail {
        lines: writer.lines,
        digest: writer.hasher.clone().finish().to_string(),
    };
    writer.line(&tail)?;
    let file = writer.file.into_inner();
    let file = file.map_err(|error| fail(error.into_error()))?;
    file.sync_all().map_err(fail)?;
    Ok(Summary {
        authority: founding.name,
        at: now.to_string(),
        rows,
    })
}

fn to_json(cell: Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Number(number) => json!(number),
        Cell::Text(text) => Value::String(text),
        Cell::Bytes(bytes) => {
            use base64::Engine as _;
            json!({"base64": base64::engine::general_purpose::STANDARD.encode(bytes)})
        }
    }
}

fn from_json(value: Value) -> Option<Cell> {
    use base64::Engine as _;
    Some(match value {
        Value::Null => Cell::Null,
        Value::Number(number) => Cell::Number(number.as_i64()?),
        Value::String(text) => Cell::Text(text),
        Value::Object(object) => {
            let text = object.get("base64")?.as_str()?;
            let bytes = base64::engine::general_purpose::STANDARD.decode(text);
            Cell::Bytes(bytes.ok()?)
        }
        _ => return None,
    })
}

/// A backup that is read to its end twice: once to see that it is whole, and once to take it back.
struct Reader {
    path: PathBuf,
    lines: io::Lines<BufReader<File>>,
    line: u64,
    /// How many lines come before the last.
    last: u64,
}

impl Reader {
    fn open(path: &Path) -> Result<Self, BackupError> {
        let file = File::open(path).map_err(|source| BackupError::File {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            lines: BufReader::new(file).lines(),
            line: 0,
            last: u64::MAX,
        })
    }

    const fn unfit(&self, why: &'static str) -> BackupError {
        BackupError::Form {
            line: self.line,
            why,
        }
    }

    fn next(&mut self) -> Result<Option<String>, BackupError> {
        self.line += 1;
        let line = self.lines.next().transpose();
        line.map_err(|source| BackupError::File {
            path: self.path.clone(),
            source,
        })
    }

    fn head(&mut self) -> Result<Head, BackupError> {
        let line = self.next()?.ok_or_else(|| self.unfit("it is empty"))?;
        let head: Head = serde_json::from_str(&line).map_err(|_| self.unfit("not a head"))?;
        match head.backup == KIND && head.format == FORMAT {
            true => Ok(head),
            false => Err(self.unfit("of another form")),
        }
    }

    /// Whether it is as it was written: the digest in its last line.
    fn check(path: &Path) -> Result<(Head, u64), BackupError> {
        let mut reader = Self::open(path)?;
        let head = reader.head()?;
        let mut reader = Self::open(path)?;
        let (mut hasher, mut before): (Hasher, Option<String>) = (Hasher::new(), None);
        while let Some(line) = reader.next()? {
            if let Some(before) = before.replace(line) {
                hasher.put(before.as_bytes());
                hasher.put(b"\n");
            }
        }
        let lines = reader.line.saturating_sub(2);
        let tail = before.and_then(|line| serde_json::from_str::<Tail>(&line).ok());
        let tail = tail.ok_or_else(|| reader.unfit("its end is missing"))?;
        let digest = Digest::from_hex(&tail.digest);
        if tail.lines != lines || digest != Some(hasher.finish()) {
            return Err(reader.unfit("it was changed, or some of it is missing"));
        }
        Ok((head, lines))
    }

    fn part(&mut self) -> Result<Option<Part>, BackupError> {
        if self.line >= self.last {
            return Ok(None);
        }
        let Some(line) = self.next()? else {
            return Ok(None);
        };
        let value: Value = serde_json::from_str(&line).map_err(|_| self.unfit("not JSON"))?;
        match value {
            Value::Array(cells) => {
                let cells: Option<Vec<Cell>> = cells.into_iter().map(from_json).collect();
                let cells = cells.ok_or_else(|| self.unfit("a value of another kind"))?;
                Ok(Some(Part::Row(cells)))
            }
            Value::Object(object) => {
                let table = object.get("table").and_then(Value::as_str);
                let table = table.filter(|table| TABLES.contains(table));
                let columns = object.get("columns").and_then(Value::as_array);
                let columns = columns.and_then(|columns| {
                    let names = columns.iter().map(|name| name.as_str().map(str::to_owned));
                    names.collect::<Option<Vec<String>>>()
                });
                let (table, columns) = table
                    .zip(columns)
                    .ok_or_else(|| self.unfit("not the beginning of a table"))?;
                Ok(Some(Part::Table(table.to_owned(), columns)))
            }
            _ => Err(self.unfit("neither a table nor a row")),
        }
    }
}

/// Takes a backup back into an empty database, and begins a new epoch of the feed: whoever followed
/// until after the backup keeps all that it was told, and does not take this for a rollback. Needs the
/// root key and the audit key.
///
/// # Errors
/// [`BackupError`]; nothing is written then.
pub async fn restore(
    config: &Config,
    path: &Path,
    epoch: Option<u64>,
    clock: &dyn Clock,
) -> Result<(Summary, Epoch), BackupError> {
    restore_with(config, path, None, epoch, clock).await
}

/// The same with a later key set in the place of the backup's, so that the keys that were exchanged
/// since stay exchanged, the root among them.
///
/// # Errors
/// [`BackupError`]; nothing is written then.
pub async fn restore_with(
    config: &Config,
    path: &Path,
    key_set: Option<&str>,
    epoch: Option<u64>,
    clock: &dyn Clock,
) -> Result<(Summary, Epoch), BackupError> {
    let (head, last) = Reader::check(path)?;
    let of_then = TrustBundle::parse(&head.key_set)?;
    of_then.verify(of_then.signer())?;
    let bundle = match key_set {
        Some(text) => key_set::later(&of_then, text)?,
        None => of_then,
    };
    let mut exchange = Exchange::new(key_set.map(|_| bundle.text().to_owned()));
    let detail = [
        ("backup_of", head.at.clone()),
        ("key_set", bundle.number().to_string()),
    ];
    let root = root(config, &bundle)?;
    make_private(&config.data_dir).map_err(|source| BackupError::File {
        path: config.data_dir.clone(),
        source,
    })?;
    let db = open(config).await?;
    if db.schema().await.is_ok() && db.founding().await?.is_some() {
        return Err(BackupError::NotEmpty);
    }
    db.migrate_to(head.schema).await?;
    if db.schema().await? < head.schema {
        return Err(BackupError::Newer(head.schema));
    }
    let now = clock.now();
    recording(&db, config, bundle, &[], now)?;
    let mut reader = Reader::open(path)?;
    reader.head()?;
    reader.last = last;
    let mut rows = 0;
    let parts = || {
        let part = reader.part()?;
        rows += u64::from(matches!(part, Some(Part::Row(_))));
        Ok::<_, BackupError>(part.map(|part| exchange.take(part)))
    };
    let name = head.authority.clone();
    let begin = |at: Position| begin(&name, at, epoch, now, root.as_ref());
    let begun = db.load(parts, begin, now, &detail).await?;
    db.migrate().await?;
    db.close().await;
    let summary = Summary {
        authority: head.authority,
        at: head.at,
        rows,
    };
    Ok((summary, begun))
}

/// Begins a new epoch in a database that was brought back by other means.
///
/// # Errors
/// [`BackupError`]; nothing is written then.
pub async fn new_epoch(
    config: &Config,
    epoch: Option<u64>,
    clock: &dyn Clock,
) -> Result<Epoch, BackupError> {
    let (db, _) = open_changing(config, clock).await?;
    let founding = db.founding().await?.ok_or(StartError::NotFounded)?;
    let bundle = TrustBundle::parse(&founding.bundle)?;
    bundle.verify(bundle.signer())?;
    let (root, now) = (root(config, &bundle)?, clock.now());
    let begin = |at: Position| begin(&founding.name, at, epoch, now, root.as_ref());
    let begun = db.begin_epoch(begin, now, &[]).await?;
    db.close().await;
    Ok(begun)
}

fn root(config: &Config, bundle: &TrustBundle) -> Result<std::sync::Arc<dyn Signer>, BackupError> {
    let custody = Custody::new(config)?;
    let root = custody.root(bundle.signer())?;
    root.ok_or_else(|| BackupError::RootAbsent {
        kid: bundle.signer().to_string(),
        whereabouts: custody.whereabouts(KeyUse::Root),
    })
}

/// The root's statement on the next epoch. Unless a number is named it is the second of its beginning,
/// so that restoring the same backup once more begins another epoch.
fn begin(
    authority: &str,
    at: Position,
    number: Option<u64>,
    now: Timestamp,
    root: &dyn Signer,
) -> Result<(Epoch, String), BackupError> {
    let second = u64::try_from(now.as_millis() / 1000).unwrap_or_default();
    let number = number.unwrap_or_else(|| second.max(at.epoch.saturating_add(1)));
    if number <= at.epoch {
        return Err(BackupError::EpochOrder(at.epoch));
    }
    let epoch = Epoch {
        authority: authority.to_owned(),
        epoch: number,
        previous_epoch: at.epoch,
        seq: at.seq,
        chain: at.chain,
        iat: now,
    };
    let statement = epoch.sign(root)?;
    Ok((epoch, statement))
}
