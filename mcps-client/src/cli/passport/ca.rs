//! The right to issue, on the command line.

use std::time::Duration;

use clap::Args;
use mcps_client::options::duration;
use mcps_core::passport::Kind;
use serde_json::{Value, json};

/// What an issuing passport may pass on. Only an operator's key gets one.
#[derive(Args, Debug)]
#[command(next_help_heading = "For a passport that may issue others")]
pub(crate) struct CaOptions {
    /// It may issue passports below itself, within the limits that follow.
    #[arg(long, conflicts_with = "enrolment_token_file")]
    ca: bool,
    /// How many issuing passports may follow below it.
    #[arg(long, value_name = "NUMBER", requires = "ca", value_parser = clap::value_parser!(u8).range(0..=4))]
    ca_max_path: Option<u8>,
    /// Highest trust level it may pass on, 0 to 2 [default: the authority's, 1].
    #[arg(long, value_name = "LEVEL", requires = "ca", value_parser = clap::value_parser!(u8).range(0..=2))]
    ca_max_level: Option<u8>,
    /// An origin it may issue for; may be given up to 64 times.
    #[arg(long, value_name = "URI", requires = "ca")]
    ca_origin: Vec<String>,
    /// A tenant it may issue for [default: its own alone].
    #[arg(long, value_name = "TENANT", requires = "ca")]
    ca_tenant: Vec<String>,
    /// A kind it may issue for [default: any].
    #[arg(long, value_name = "KIND", requires = "ca")]
    ca_kind: Vec<Kind>,
    /// How the names begin that it may issue for [default: as they like].
    #[arg(long, value_name = "PREFIX", requires = "ca")]
    ca_name_prefix: Vec<String>,
    /// For how long at most it may issue.
    #[arg(long, value_name = "TIME", requires = "ca", value_parser = duration)]
    ca_max_life: Option<Duration>,
}

impl CaOptions {
    /// As the authority takes it.
    pub(crate) fn json(&self) -> Option<Value> {
        if !self.ca {
            return None;
        }
        let mut ca = json!({ "origins": self.ca_origin });
        let list = |list: Vec<Value>| (!list.is_empty()).then_some(Value::Array(list));
        let texts = |texts: &[String]| list(texts.iter().map(|text| json!(text)).collect());
        let kinds = self.ca_kind.iter().map(|kind| json!(kind.as_str()));
        let stated = [
            ("max_path", self.ca_max_path.map(|path| json!(path))),
            ("max_level", self.ca_max_level.map(|level| json!(level))),
            ("tenants", texts(&self.ca_tenant)),
            ("kinds", list(kinds.collect())),
            ("name_prefixes", texts(&self.ca_name_prefix)),
            (
                "max_life_s",
                self.ca_max_life.map(|life| json!(life.as_secs())),
            ),
        ];
        if let Some(members) = ca.as_object_mut() {
            let stated = stated.into_iter();
            members.extend(stated.filter_map(|(name, value)| Some((name.to_owned(), value?))));
        }
        Some(ca)
    }
}
