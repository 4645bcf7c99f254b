//! Who may import whom, and how files are cut: what ARCHITECTURE.md and the style promise, held over the workspace.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// Each package of the product with the packages of the product it may import.
const ARROWS: [(&str, &[&str]); 8] = [
    ("mcps-authority", &["mcps-core", "mcps-manual"]),
    (
        "mcps-client",
        &["mcps-core", "mcps-manual", "mcps-transport"],
    ),
    ("mcps-core", &[]),
    ("mcps-demo-server", &[]),
    (
        "mcps-gateway",
        &["mcps-client", "mcps-core", "mcps-manual", "mcps-transport"],
    ),
    (
        "mcps-server-wrapper",
        &["mcps-client", "mcps-core", "mcps-manual", "mcps-transport"],
    ),
    ("mcps-manual", &[]),
    ("mcps-transport", &["mcps-core"]),
];

/// Libraries that one package alone names, so that what they do is done in one place.
const ALONE: [(&str, &str); 6] = [
    ("cedar-policy", "mcps-gateway"),
    ("cryptoki", "mcps-authority"),
    ("redis", "mcps-gateway"),
    ("reqwest", "mcps-client"),
    ("rmcp", "mcps-demo-server"),
    ("sqlx", "mcps-authority"),
];

const TESTS: &str = "mcps-tests";
const MOST_LINES: usize = 500;
const NOT_A_NOUN: [&str; 6] = ["common", "helpers", "manager", "misc", "mod", "util"];

#[test]
fn packages_import_only_what_the_architecture_allows() -> anyhow::Result<()> {
    let mut wrong = Vec::new();
    for package in product()? {
        let name = package.name.as_str();
        let (_, allowed) = ARROWS
            .iter()
            .find(|(from, _)| *from == name)
            .with_context(|| format!("{name} is new: say in ARROWS what it may import"))?;
        for import in imports(&package).filter(|import| import.starts_with("mcps-")) {
            if !allowed.contains(&import) {
                wrong.push(format!("{name} -> {import}"));
            }
        }
    }
    assert!(wrong.is_empty(), "forbidden imports: {wrong:?}");
    Ok(())
}

#[test]
fn one_package_alone_names_each_library_of_its_trade() -> anyhow::Result<()> {
    let mut wrong = Vec::new();
    for package in product()? {
        for (library, owner) in ALONE {
            let named = imports(&package).any(|import| import == library);
            if named && package.name.as_str() != owner {
                wrong.push(format!("{} -> {library}", package.name));
            }
        }
    }
    assert!(wrong.is_empty(), "forbidden imports: {wrong:?}");
    Ok(())
}

#[test]
fn nothing_of_the_product_imports_the_tests() -> anyhow::Result<()> {
    for package in product()? {
        assert!(
            package.dependencies.iter().all(|to| to.name != TESTS),
            "{} -> {TESTS}",
            package.name
        );
    }
    Ok(())
}

#[test]
fn no_file_is_longer_than_five_hundred_lines() -> anyhow::Result<()> {
    let mut wrong = Vec::new();
    for file in sources()? {
        let lines = std::fs::read_to_string(&file)?.lines().count();
        if lines > MOST_LINES {
            wrong.push(format!("{}: {lines}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "past {MOST_LINES} lines: {wrong:#?}");
    Ok(())
}

#[test]
fn every_module_is_a_noun() -> anyhow::Result<()> {
    let wrong: Vec<_> = sources()?
        .into_iter()
        .filter(|file| {
            let stem = file.file_stem().and_then(|stem| stem.to_str());
            stem.is_some_and(|stem| NOT_A_NOUN.contains(&stem))
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "name these after what they are: {wrong:#?}"
    );
    Ok(())
}

/// The packages of the workspace except the one that tests them.
fn product() -> anyhow::Result<impl Iterator<Item = Package>> {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec()?;
    let packages = metadata.packages.into_iter();
    Ok(packages.filter(|package| package.name.as_str() != TESTS))
}

/// What the package itself needs to be built; what only its tests need is its own affair.
fn imports(package: &Package) -> impl Iterator<Item = &str> {
    let needed = package
        .dependencies
        .iter()
        .filter(|to| to.kind != DependencyKind::Development);
    needed.map(|to| to.name.as_str())
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Every Rust file of the checkout that somebody wrote.
fn sources() -> anyhow::Result<Vec<PathBuf>> {
    let mut folders = vec![root().to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let kind = entry.file_type()?;
            let hidden = name.to_string_lossy().starts_with('.');
            // The tag is in every folder that cargo builds into.
            if kind.is_dir() && !hidden && !entry.path().join("CACHEDIR.TAG").exists() {
                folders.push(entry.path());
            } else if kind.is_file() && entry.path().extension() == Some("rs".as_ref()) {
                files.push(entry.path());
            }
        }
    }
    anyhow::ensure!(!files.is_empty(), "found no sources");
    Ok(files)
}
