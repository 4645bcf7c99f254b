//! What a version says, as the authority shows it.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use mcps_client::terminal::printable;
use mcps_core::json::Document;
use mcps_core::tenant::TenantPolicy;

use super::super::CliError;
use super::super::output::{items, text_at};

/// The document of an answer.
///
/// # Errors
/// [`CliError::NoPolicy`].
pub(super) fn read(answer: &Document) -> Result<TenantPolicy, CliError> {
    let document = answer.root().get("document");
    let document = document.map_or("", |document| document.raw());
    TenantPolicy::parse(document.as_bytes()).map_err(CliError::NoPolicy)
}

/// The texts of an answer, for people: nothing in them speaks to a terminal.
pub(super) fn texts(answer: &Document) -> Vec<(String, String)> {
    let document = answer.root().get("document");
    let texts = document.into_iter().flat_map(|it| items(it, "policy"));
    let lines = |text: String| text.lines().map(printable).collect::<Vec<_>>().join("\n");
    texts
        .map(|text| {
            let name = printable(&text_at(text, &["name"]));
            (name, lines(text_at(text, &["text"])))
        })
        .collect()
}

/// Writes the texts of an answer into a folder, over none that is there.
///
/// # Errors
/// [`CliError::NoPolicy`], [`CliError::NotSaved`].
pub(super) fn save(answer: &Document, folder: &Path) -> Result<(), CliError> {
    let policy = read(answer)?;
    for text in &policy.texts {
        let path = folder.join(&text.name);
        let failed = |source| CliError::NotSaved {
            path: path.display().to_string(),
            source,
        };
        fs::create_dir_all(folder).map_err(failed)?;
        let mut file = fs::File::create_new(&path).map_err(failed)?;
        file.write_all(text.text.as_bytes()).map_err(failed)?;
    }
    Ok(())
}
