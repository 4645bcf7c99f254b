//! The last good document of each tenant in the gateway's home, for a start without the authority.

use mcps_client::error::ClientError;
use mcps_client::home::Home;
use mcps_core::digest::Digest;
use mcps_core::tenant;

/// The name of the file. A tenant's name has no `/`.
fn file(tenant: &str) -> String {
    format!("policy-{tenant}.json")
}

/// What was kept, if it is what was written: its digest comes first, on a line of its own.
pub(super) fn read(home: &Home, tenant: &str) -> Option<(Digest, String)> {
    let name = file(tenant);
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
        "{name} is not used: {why}; the policy of tenant {tenant} is fetched from the trust authority"
    );
    None
}

fn intact(text: &str) -> Option<(Digest, String)> {
    let (digest, document) = text.split_once('\n')?;
    let digest = Digest::from_hex(digest)?;
    (tenant::digest(document) == digest).then(|| (digest, document.to_owned()))
}

/// Keeps a document. Waits for the disk.
pub(super) fn write(
    home: &Home,
    tenant: &str,
    digest: &Digest,
    document: &str,
) -> Result<(), ClientError> {
    home.write(&file(tenant), &format!("{digest}\n{document}"))
}
