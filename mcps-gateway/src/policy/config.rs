//! The TOML form of facts, sequences and lists, before it is checked.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::question::{Action, Class};

/// One file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// The version of this form: 1.
    pub(crate) version: Option<Spanned<u32>>,
    /// Named lists of hosts and domains, for `@name` and `@tenant.name`.
    #[serde(default)]
    pub(crate) lists: BTreeMap<String, Vec<String>>,
    /// Arguments that policies may read, with their types.
    #[serde(default)]
    pub(crate) arguments: BTreeMap<String, Spanned<Typed>>,
    /// Claims that policies may read, with their types.
    #[serde(default)]
    pub(crate) claims: BTreeMap<String, Spanned<Typed>>,
    #[serde(default)]
    pub(crate) fact: Vec<Spanned<Fact>>,
    #[serde(default)]
    pub(crate) sequence: Vec<Spanned<Sequence>>,
}

/// The type an argument or claim has in policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Typed {
    String,
    Bool,
    /// A whole number.
    Long,
    /// A number with up to four places, cut toward zero.
    Decimal,
    /// A list of strings.
    Strings,
}

/// When a fact is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum On {
    /// Before the call is forwarded.
    Call,
    /// Before its result is released.
    Result,
    /// When the call was refused.
    Denied,
    /// When the call goes on because people approved it.
    Approval,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fact {
    pub(crate) id: String,
    pub(crate) on: On,
    /// Counts as set when the history is lost. Default: all but those of approvals.
    pub(crate) sensitive: Option<bool>,
    pub(crate) when: Cases,
}

/// One table, or several of which one must hold. Not `untagged`, whose errors name no key.
#[derive(Debug)]
pub(crate) struct Cases(pub(crate) Vec<When>);

impl<'de> Deserialize<'de> for Cases {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Cases;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of conditions, or a list of such tables")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Cases, A::Error> {
                When::deserialize(MapAccessDeserializer::new(map)).map(|when| Cases(vec![when]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Cases, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(Cases)
            }
        }
        from.deserialize_any(Read)
    }
}

/// Conditions that must all hold; of a list, one item must.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct When {
    pub(crate) class: Vec<Class>,
    /// What the caller wants to do; a method's name for others.
    pub(crate) action: Vec<String>,
    pub(crate) server: Vec<String>,
    pub(crate) tool: Vec<String>,
    pub(crate) path: Vec<String>,
    pub(crate) host: List,
    pub(crate) host_not_in: List,
    /// An argument that is an address and nothing else, outside of the list.
    pub(crate) address_not_in: List,
    pub(crate) domain: List,
    pub(crate) domain_not_in: List,
    /// A host or mail domain that is not in it, or a tool that sends and shows no destination.
    pub(crate) destination_not_in: List,
    pub(crate) sql: Vec<String>,
    /// More bytes of arguments than this.
    pub(crate) size_over: Option<u64>,
    /// Only these arguments, for `contains` and `regex`.
    pub(crate) argument: Vec<String>,
    pub(crate) contains: Vec<String>,
    pub(crate) regex: Vec<String>,
    pub(crate) level_below: Option<u8>,
    pub(crate) cross_tenant: Option<bool>,
    pub(crate) changed: Option<bool>,
    pub(crate) pinned: Option<bool>,
    /// The operator has said what the tool does.
    pub(crate) classified: Option<bool>,
    pub(crate) open_world: Option<bool>,
    /// One argument under two spellings, or two of one name but for case.
    pub(crate) ambiguous: Option<bool>,
    /// Arguments nested or encoded deeper than is looked into.
    pub(crate) undecodable: Option<bool>,
    /// Of results only: what the content scan found.
    pub(crate) finding: Vec<String>,
    /// Of results only.
    pub(crate) is_error: Option<bool>,
    /// Of results only: more bytes than this.
    pub(crate) result_over: Option<u64>,
}

/// Hosts, or one list by its name: `"@tenant.trusted_hosts"`.
#[derive(Clone, Debug)]
pub(crate) enum List {
    Named(String),
    Written(Vec<String>),
}

impl<'de> Deserialize<'de> for List {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = List;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of hosts, or the name of one as \"@tenant.name\"")
            }
            fn visit_str<E>(self, name: &str) -> Result<List, E> {
                Ok(List::Named(name.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<List, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(List::Written)
            }
        }
        from.deserialize_any(Read)
    }
}

impl Default for List {
    fn default() -> Self {
        Self::Written(Vec::new())
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sequence {
    pub(crate) id: String,
    #[serde(rename = "match")]
    pub(crate) pattern: String,
    pub(crate) within: Option<String>,
    #[serde(default)]
    pub(crate) scope: Scope,
    pub(crate) then: String,
    #[serde(default)]
    pub(crate) reason: String,
    /// Records that it would have acted, and does nothing.
    #[serde(default)]
    pub(crate) observe: bool,
}

/// Whose history a sequence is about.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, serde::Serialize, PartialOrd, Ord,
)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// One session.
    #[default]
    Session,
    /// One verified principal, in all of its sessions.
    Principal,
    /// A whole tenant.
    Tenant,
}

impl Scope {
    /// All three.
    pub const ALL: [Scope; 3] = [Self::Session, Self::Principal, Self::Tenant];
}

/// Checks an action that a fact names.
pub(crate) fn is_action(name: &str) -> bool {
    name.contains('/') || Action::NAMED.iter().any(|action| action.name() == name)
}
