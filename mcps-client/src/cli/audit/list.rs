//! `mcps audit list`.

use clap::Args;
use mcps_core::audit::Record;
use serde_json::{Map, Value, json};

use super::super::output::{self, OutputOptions};
use super::super::{CliError, Machine};
use super::Whose;

/// What `mcps audit list` can be told.
#[derive(Args, Debug)]
pub(crate) struct List {
    /// Only what was done to this: a passport's id, a key's id, an operator's id.
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
    /// At most so many.
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    output: OutputOptions,
}

impl List {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let home = machine.home()?;
        let (client, bundle) = self.whose.trusted(&home).await?;
        let operator = self.whose.operator.key(machine)?;
        let subject = self.subject.as_deref();
        let texts = client.audit_records(&operator, subject, self.limit).await?;
        let (mut records, mut strange) = (Vec::new(), 0);
        for text in &texts {
            match Record::verify(text, &bundle) {
                Ok(record) => records.push(record),
                Err(_) => strange += 1,
            }
        }
        let text = if self.output.is_json() {
            let records: Vec<Value> = records.iter().map(to_json).collect();
            output::pretty(&json!(records))
        } else {
            let rows = records.iter().map(to_row).collect();
            output::table(&["at", "by", "action", "subject", "detail"], rows)
        };
        output::print(&text)?;
        if strange > 0 {
            output::note(&format!(
                "{strange} records are not shown, since nobody signed what they say; run: mcps audit verify"
            ));
            return Err(CliError::Trail { wrong: strange });
        }
        Ok(())
    }
}

fn to_row(record: &Record) -> Vec<String> {
    let detail = record.detail.iter();
    let detail: Vec<String> = detail
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    vec![
        record.at.to_string(),
        record.by.clone(),
        record.action.clone(),
        record.subject.clone(),
        detail.join(" "),
    ]
}

fn to_json(record: &Record) -> Value {
    let detail = record.detail.iter();
    let detail: Map<String, Value> = detail
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    json!({
        "at": record.at.to_string(), "by": record.by, "action": record.action,
        "subject": record.subject, "detail": detail,
        "lane": record.lane, "seq": record.seq, "digest": record.digest.to_string(),
    })
}
