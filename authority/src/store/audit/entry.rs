//! What is recorded of a change, and for whom.

use mcps_core::clock::Timestamp;

use super::super::actions::member;

/// What is recorded.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Entry<'a> {
    /// When.
    pub(in crate::store) at: Timestamp,
    /// An operator's id, `hook:` and a source, a passport's id, or a command.
    pub(in crate::store) by: &'a str,
    /// Noun and verb.
    pub(in crate::store) action: &'a str,
    /// To whom or what.
    pub(in crate::store) subject: &'a str,
    /// Whatever else belongs to it. No secrets.
    pub(in crate::store) detail: &'a [(&'a str, String)],
}

impl Entry<'_> {
    /// The tenant that the record names, by which that tenant's auditors find it; empty where it names
    /// none, and then it is for those who read all records.
    pub(in crate::store) fn tenant(&self) -> String {
        let mut detail = self.detail.iter();
        let named = detail.find(|(name, _)| *name == "tenant");
        let named = named.map(|(_, tenant)| tenant.clone());
        let of_target = || match self.subject.starts_with('{') {
            true => member(self.subject, "tenant"),
            false => None,
        };
        named.or_else(of_target).unwrap_or_default()
    }
}
