//! The last good document of each tenant in the gateway's home, for a start without the authority.

use mcps_client::error::ClientError;
use mcps_client::home::Home;
use mcps_core::digest::Digest;

/// The name of the file. A tenant's name has no `/`.
pub(super) fn file(matter: &str, tenant: &str) -> String {
    format!("{matter}-{tenant}.json")
}

/// What was kept, if it is what was written: its digest comes first, on a line of its own.
pub(super) fn read(home: &Home, matter: &str, tenant: &str) -> Option<(Digest, String)> {
    let name = file(matter, tenant);
    let why = match home.read(&name) {
        Ok(None) => return None,
        Ok(Some(text)) => match intact(&text) {
            Some(kept) => return Some(kept),
            None => "it is not as it was written".to_owned(),
        },
        Err(error) => error.to_string(),
    };
    tracing::warn!(
        tenant,
        error = why,
        "{name} is not used: {why}; the {matter} of tenant {tenant} is fetched from the trust authority"
    );
    None
}

fn intact(text: &str) -> Option<(Digest, String)> {
    let (digest, document) = text.split_once('\n')?;
    let digest = Digest::from_hex(digest)?;
    (Digest::of(document.as_bytes()) == digest).then(|| (digest, document.to_owned()))
}

/// Keeps a document. Waits for the disk.
pub(super) fn write(
    home: &Home,
    (matter, tenant): (&str, &str),
    digest: &Digest,
    document: &str,
) -> Result<(), ClientError> {
    home.write(&file(matter, tenant), &format!("{digest}\n{document}"))
}
