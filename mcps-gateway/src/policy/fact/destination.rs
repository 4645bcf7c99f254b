//! Where the arguments of one call carry data: hosts and mail domains, and whether they say so at all.

use mcps_core::json::Value;

use super::evidence::{Form, Text};
use super::host::{self, UNSEEN};
use super::schema::takes;
use super::table::words;
use crate::policy::question::{Class, Classes};

/// Members whose value is a host even without a scheme.
const HOST_KEYS: [&str; 14] = [
    "host",
    "hostname",
    "domain",
    "server",
    "address",
    "endpoint",
    "url",
    "uri",
    "webhook",
    "site",
    "origin",
    "ip",
    "remote",
    "destination",
];
/// The same for several.
const HOSTS_KEYS: [&str; 7] = [
    "hosts",
    "hostnames",
    "urls",
    "uris",
    "endpoints",
    "webhooks",
    "ips",
];
/// Words of members whose address is of what is sent, or of who sends it.
const SHOWN: [&str; 16] = [
    "icon",
    "image",
    "img",
    "avatar",
    "thumb",
    "thumbnail",
    "logo",
    "picture",
    "photo",
    "preview",
    "source",
    "homepage",
    "referrer",
    "referer",
    "sender",
    "from",
];
/// Members whose value says who gets what is sent; of what stands elsewhere somebody only speaks.
const RECIPIENT_KEYS: [&str; 17] = [
    "to",
    "cc",
    "bcc",
    "recipient",
    "recipients",
    "email",
    "emails",
    "mail",
    "addresses",
    "target",
    "targets",
    "participants",
    "attendees",
    "invitees",
    "members",
    "users",
    "destinations",
];
/// More destinations than one honest call names.
const MOST: usize = 1024;
/// Different arguments that would say to whom, if the tool took them: then none does.
const MOST_REFUSED: usize = 16;
/// Longer keys are none that says where something goes, in bytes.
const LONGEST_KEY: usize = 64;
/// Smaller numbers are ports, counts and ids: as addresses they would be in 0.0.0.0/8.
const LEAST_ADDRESS: f64 = 16_777_216.0;

/// Where the arguments of one call lead.
#[derive(Debug, Default)]
pub(super) struct Destinations<'a> {
    pub(super) hosts: Vec<String>,
    /// Those of arguments that are an address and nothing else.
    pub(super) addressed: Vec<String>,
    pub(super) domains: Vec<String>,
    /// An argument that is there to say who gets it says so.
    pub(super) said: bool,
    /// What the tool says that it takes.
    pub(super) schema: Option<Value<'a>>,
    /// What it does not take.
    refused: Vec<Vec<String>>,
}

impl Destinations<'_> {
    /// All of them.
    pub(super) fn into_all(mut self) -> Vec<String> {
        self.hosts.append(&mut self.domains);
        self.hosts
    }

    /// Looks for them in one text of the arguments.
    pub(super) fn look(&mut self, class: Classes, text: &Text<'_>) {
        if text.form == Form::Number && !is_address(text.value) {
            return;
        }
        // No name in the lists is nearly as long.
        let key = Some(text.key).filter(|key| key.len() <= LONGEST_KEY);
        let key = key.unwrap_or_default();
        let (mut words, whole) = (words(key), key.to_lowercase());
        let last = words.pop().unwrap_or_default();
        let is = |keys: &[&str]| keys.contains(&last.as_str()) || keys.contains(&whole.as_str());
        let hostly = is(&HOST_KEYS);
        let shown = words.iter().any(|word| SHOWN.contains(&word.as_str()));
        if text.form == Form::Number {
            if hostly {
                self.number(text.value, text.path.filter(|_| !shown));
            }
            return;
        }
        let several = is(&HOSTS_KEYS);
        let says = !shown && (hostly || several || is(&RECIPIENT_KEYS));
        let path = text.path.filter(|_| says);
        // Of several, words are names as often.
        let hostly = hostly || several && text.value.contains(['.', ':']);
        self.hosts_of(class, text, hostly, path);
        if text.value.is_ascii() && !text.value.contains('@') {
            return;
        }
        host::of_mail(text.value, &mut |domain| {
            keep(&mut self.domains, domain);
            self.say(path);
        });
    }

    /// An argument says who gets it: if the tool takes it, and only where that is new.
    fn say(&mut self, path: Option<&[String]>) {
        let known = |path: &&[String]| self.refused.iter().any(|other| other == path);
        let Some(path) = path.filter(|path| !self.said && !known(path)) else {
            return;
        };
        self.said = self.refused.len() < MOST_REFUSED
            && self.schema.is_none_or(|schema| takes(schema, path));
        if !self.said && self.refused.len() < MOST_REFUSED {
            self.refused.push(path.to_vec());
        }
    }

    fn hosts_of(&mut self, class: Classes, text: &Text<'_>, hostly: bool, path: Option<&[String]>) {
        let alone = !text.value.trim().contains(char::is_whitespace);
        let mut each = |host: &str| {
            keep(&mut self.hosts, host);
            if alone {
                keep(&mut self.addressed, host);
                self.say(path);
            }
        };
        if text.value.contains(':') || text.value.starts_with("//") {
            host::of_urls(text.value, &mut each);
        }
        if hostly && text.value.len() <= 256 && !text.value.contains(['/', ' ', '@']) {
            if let Some(host) = host::canonical(text.value) {
                each(&host);
            }
        } else if class.has(Class::Execute) || hostly {
            host::of_command(text.value, &mut each);
        }
    }

    /// A host that is written as a number.
    fn number(&mut self, digits: &str, path: Option<&[String]>) {
        if let Some(host) = host::canonical(digits) {
            keep(&mut self.hosts, &host);
            keep(&mut self.addressed, &host);
            self.say(path);
        }
    }
}

fn is_address(digits: &str) -> bool {
    let value = digits.parse::<f64>().unwrap_or_default();
    value.abs() >= LEAST_ADDRESS
}

/// Adds a host to a list. Beyond what a list takes, one that is out of sight stands for the others.
fn keep(list: &mut Vec<String>, host: &str) {
    if list.len() > MOST || list.iter().any(|known| known == host) {
        return;
    }
    let host = if list.len() < MOST { host } else { UNSEEN };
    list.push(host.to_owned());
}
