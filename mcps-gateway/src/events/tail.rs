//! `events tail`: the last records, and then each as it is written.

use std::collections::VecDeque;
use std::io::Write;
use std::thread::sleep;
use std::time::Duration;

use mcps_client::exit::Exit;
use serde_json::Value;

use super::follow::{Follow, Found};
use super::{Failure, Source, row};
use crate::policy::cli::Output;
use crate::segment::{Record, Segment};

/// How often it is looked for more.
const GLANCE: Duration = Duration::from_millis(100);

pub(super) fn run(
    source: &Source<'_>,
    last: usize,
    follow: bool,
    out: &mut dyn Write,
    errors: &mut dyn Write,
) -> Result<Exit, Failure> {
    let segments = Segment::of(&source.folder)?;
    if segments.is_empty() && !follow {
        return Err(Failure::None(source.folder.clone()));
    }
    // The last two have the last records, unless one asks for very many.
    let from = match segments.as_slice() {
        [.., before, _] if last <= 1000 => before.first,
        _ => 0,
    };
    let mut place = Follow::from(&source.folder, from)?;
    let mut kept: VecDeque<Record> = VecDeque::new();
    let mut exit = Exit::Done;
    let mut take = |found| -> Result<(), Failure> {
        match found {
            Found::Record(record) => {
                kept.push_back(record);
                if kept.len() > last {
                    kept.pop_front();
                }
            }
            Found::Damaged(path, at, len) => {
                exit = Exit::Refused;
                writeln!(
                    errors,
                    "{}: {len} bytes at {at} are no record any more; see `mcps events verify`",
                    path.display()
                )?;
            }
            Found::Torn(..) => {}
        }
        Ok(())
    };
    while place.read(&mut take)? {}
    for record in kept {
        print(source, &record, out)?;
    }
    if !follow {
        return Ok(exit);
    }
    loop {
        out.flush()?;
        sleep(GLANCE);
        let mut take = |found| -> Result<(), Failure> {
            match found {
                Found::Record(record) => print(source, &record, out),
                Found::Damaged(path, at, len) => {
                    writeln!(
                        errors,
                        "{}: {len} bytes at {at} are no record any more; see `mcps events verify`",
                        path.display()
                    )?;
                    Ok(())
                }
                Found::Torn(..) => Ok(()),
            }
        };
        while place.read(&mut take)? {}
    }
}

fn print(source: &Source<'_>, record: &Record, out: &mut dyn Write) -> Result<(), Failure> {
    match source.output {
        Output::Json => writeln!(out, "{}", Value::Object(record.body.clone()))?,
        Output::Table => writeln!(out, "{}", row::line(record))?,
    }
    Ok(())
}
