//! Hosts and mail domains in text, each in its one canonical form.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use super::fold::fold;

/// A host that is out of sight: nobody knows which lists it is in.
pub(crate) const UNSEEN: &str = "?";

/// No honest authority is longer, in characters.
const LONGEST: usize = 1024;

/// Schemes whose addresses web readers repair.
const WEB: [&str; 5] = ["http", "https", "ws", "wss", "ftp"];

/// Schemes whose authority is a host, or a place that data can be carried to.
const NETWORK: [&str; 27] = [
    "ftps",
    "sftp",
    "ssh",
    "scp",
    "git",
    "svn",
    "rsync",
    "ldap",
    "ldaps",
    "smtp",
    "smtps",
    "imap",
    "imaps",
    "telnet",
    "gopher",
    "dict",
    "tcp",
    "udp",
    "redis",
    "rediss",
    "amqp",
    "mqtt",
    "postgres",
    "postgresql",
    "mysql",
    "s3",
    "gs",
];

/// Words of commands that name a host without a URL.
const NET_TOOLS: [&str; 19] = [
    "curl", "wget", "nc", "ncat", "netcat", "socat", "ssh", "scp", "sftp", "rsync", "ftp",
    "telnet", "dig", "nslookup", "host", "ping", "http", "https", "openssl",
];

/// Endings of file names that are no top-level domains to a reader of a command.
const FILE_ENDINGS: [&str; 38] = [
    "md", "txt", "py", "rs", "js", "ts", "json", "toml", "yaml", "yml", "sh", "html", "htm", "css",
    "csv", "log", "xml", "pdf", "png", "jpg", "c", "h", "cpp", "go", "java", "rb", "zip", "gz",
    "tar", "lock", "cfg", "conf", "ini", "docx", "xlsx", "sql", "env", "pem",
];

/// Gives each host that `text` addresses by a URL to `each`.
pub(crate) fn of_urls(text: &str, each: &mut impl FnMut(&str)) {
    let folded = fold(text);
    // URL readers drop tabs and newlines within an address.
    let text: String = if folded.contains(['\t', '\n', '\r']) {
        of_lines(&folded, each);
        folded
            .chars()
            .filter(|c| !matches!(c, '\t' | '\n' | '\r'))
            .collect()
    } else {
        folded.into_owned()
    };
    of_lines(&text, each);
}

fn of_lines(text: &str, each: &mut impl FnMut(&str)) {
    let mut rest = text;
    while let Some(at) = rest.find(':') {
        let (before, tail) = rest.split_at(at);
        rest = tail.get(1..).unwrap_or_default();
        let start = before.rfind(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)));
        let scheme = before
            .get(start.map_or(0, |at| at + 1)..)
            .unwrap_or_default();
        let scheme = scheme
            .rsplit('+')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        if WEB.contains(&scheme.as_str()) {
            // `https:/host`, `https:\\host` and `https:host`, which web readers repair.
            if rest.starts_with(|c: char| c.is_alphanumeric() || "/\\[%".contains(c)) {
                of_authority(rest.trim_start_matches(['/', '\\']), each);
            }
        } else if let Some(authority) = rest.strip_prefix("//").filter(|_| !scheme.is_empty()) {
            let known = NETWORK.contains(&scheme.as_str());
            of_authority(authority, &mut dotted(known, each));
        }
    }
    // `//host/path`, whose scheme is its reader's; `//home/u` is a path.
    if let Some(authority) = text.trim_start().strip_prefix("//") {
        of_authority(authority, &mut dotted(false, each));
    }
    // `?to=//host/path`, to which somebody is sent on.
    for authority in text.split("=//").skip(1) {
        of_authority(authority, &mut dotted(false, each));
    }
}

/// Only what can be no segment of a path or name of a thing, unless `all`: `demo://resource/1`.
fn dotted(all: bool, each: &mut impl FnMut(&str)) -> impl FnMut(&str) {
    move |host| {
        if all || host.contains(['.', ':']) {
            each(host);
        }
    }
}

/// The host of what follows `//`, as web readers take it and as RFC 3986 does: where they differ
/// (`a.com\@b.com`), both.
fn of_authority(text: &str, each: &mut impl FnMut(&str)) {
    // Longer is none, and the rest of a text is not looked over for each of its colons.
    let cut = text.char_indices().nth(LONGEST).map(|(at, _)| at);
    let text = cut.map_or(text, |at| text.get(..at).unwrap_or_default());
    let end = text
        .find(|c: char| c.is_whitespace() || "\"'<>`|){}".contains(c))
        .unwrap_or(text.len());
    let whole = text.get(..end).unwrap_or_default();
    let web = whole
        .split(['/', '?', '#', '\\'])
        .next()
        .unwrap_or_default();
    let strict = whole.split(['/', '?', '#']).next().unwrap_or_default();
    if cut.is_some() && strict.len() == text.len() {
        each(UNSEEN);
    }
    let mut tell = |authority: &str| {
        if let Some(host) = canonical(after_user(authority)) {
            each(&host);
        }
    };
    tell(web);
    if strict != web {
        tell(strict);
    }
}

fn after_user(authority: &str) -> &str {
    authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host)
}

/// The canonical form of `host` or `host:port`: lower case, punycode, addresses in usual notation
/// whatever their base, without a final dot. `None` when it is none.
pub(crate) fn canonical(host: &str) -> Option<String> {
    let host = host.trim().trim_end_matches(',');
    if host.is_empty() || host.len() > 512 {
        return None;
    }
    // Bare IPv6 is written without brackets where no port can follow.
    let bare = host
        .parse::<Ipv6Addr>()
        .ok()
        .map(|_| format!("http://[{host}]/"));
    let url = Url::parse(&bare.unwrap_or_else(|| format!("http://{host}/"))).ok()?;
    Some(match url.host()? {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            if name.is_empty() {
                return None;
            }
            name.to_owned()
        }
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => plain(address).to_string(),
    })
}

/// An IPv4 address in IPv6's clothes as what it is: mapped, compatible, translated, 6to4.
fn plain(address: Ipv6Addr) -> IpAddr {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0xFFFF) | (0x64, 0xFF9B, 0, 0, 0, 0) => IpAddr::V4(v4(g, h)),
        (0, 0, 0, 0, 0, 0) if g != 0 => IpAddr::V4(v4(g, h)),
        (0x2002, ..) => IpAddr::V4(v4(b, c)),
        _ => IpAddr::V6(address),
    }
}

/// Gives the hosts that a command names without a URL to `each`: `nc evil.example 443`,
/// `scp key user@evil.example:`.
pub(crate) fn of_command(text: &str, each: &mut impl FnMut(&str)) {
    let folded = fold(text);
    let words = || folded.split(|c: char| c.is_whitespace() || "\"'`;|&()<>,=".contains(c));
    let reaches_out = words().any(|word| NET_TOOLS.contains(&word.to_ascii_lowercase().as_str()));
    for word in words() {
        if word.contains("://") {
            continue;
        }
        let host = after_user(word);
        let host = host.split(['/', ':', '\\']).next().unwrap_or_default();
        if !looks_like_host(host, reaches_out) {
            continue;
        }
        if let Some(host) = canonical(host) {
            each(&host);
        }
    }
}

fn looks_like_host(word: &str, reaches_out: bool) -> bool {
    if word.parse::<IpAddr>().is_ok() {
        return true;
    }
    let Some((name, ending)) = word.trim_end_matches('.').rsplit_once('.') else {
        return false;
    };
    let labels = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_'))
        && !name.split('.').any(str::is_empty);
    let top = ending.chars().count() >= 2 && ending.chars().all(char::is_alphabetic)
        || ending.starts_with("xn--");
    let numbers = reaches_out && ending.starts_with(|c: char| c.is_ascii_digit());
    labels && (numbers || top && (reaches_out || !FILE_ENDINGS.contains(&ending)))
}

/// Gives the domain of each mail address in `text` to `each`.
pub(crate) fn of_mail(text: &str, each: &mut impl FnMut(&str)) {
    let folded = fold(text);
    let mut rest: &str = &folded;
    while let Some(at) = rest.find('@') {
        let (before, tail) = rest.split_at(at);
        rest = tail.get(1..).unwrap_or_default();
        let local = before.chars().next_back();
        if !local.is_some_and(|c| c.is_alphanumeric() || "._%+-\"}~#$!&'*=?^`{|".contains(c)) {
            continue;
        }
        let end = rest
            .find(|c: char| {
                !(c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '[' | ']' | ':'))
            })
            .unwrap_or(rest.len());
        let domain = rest
            .get(..end)
            .unwrap_or_default()
            .trim_end_matches(['.', ':', '-']);
        if !domain.contains('.') && !domain.starts_with('[') {
            continue;
        }
        if let Some(domain) = canonical(domain) {
            each(&domain);
        }
    }
}

#[cfg(test)]
mod tests;
