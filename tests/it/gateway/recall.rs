//! How often the right tool is among the first five: real servers behind the gateway, and what
//! somebody would ask for. The definitions are those that the servers give; the queries are ours.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::Gate;
use crate::listen::caller::Caller;
use crate::peers::installed;

/// What is asked for, and every tool that does it.
#[rustfmt::skip]
const QUERIES: [(&str, &[&str]); 45] = [
    ("read a text file", &["files__read_text_file", "files__read_file"]),
    ("show me the contents of notes.txt", &["files__read_text_file", "files__read_file", "files__read_multiple_files"]),
    ("read several files at once", &["files__read_multiple_files"]),
    ("load an image from disk", &["files__read_media_file"]),
    ("save text to a new file", &["files__write_file"]),
    ("overwrite a file", &["files__write_file"]),
    ("change some lines of a file", &["files__edit_file"]),
    ("make a folder", &["files__create_directory"]),
    ("create a directory", &["files__create_directory"]),
    ("what is in this folder", &["files__list_directory", "files__list_directory_with_sizes", "files__directory_tree"]),
    ("list directory with file sizes", &["files__list_directory_with_sizes"]),
    ("recursive tree of directories", &["files__directory_tree"]),
    ("rename a file", &["files__move_file"]),
    ("move file to another directory", &["files__move_file"]),
    ("find files by pattern", &["files__search_files"]),
    ("when was this file last modified", &["files__get_file_info"]),
    ("file metadata and permissions", &["files__get_file_info"]),
    ("which directories may I use", &["files__list_allowed_directories"]),
    ("working tree status", &["git__git_status"]),
    ("what has changed but is not staged", &["git__git_diff_unstaged"]),
    ("show staged changes", &["git__git_diff_staged"]),
    ("compare two branches", &["git__git_diff"]),
    ("commit my changes", &["git__git_commit"]),
    ("stage a file", &["git__git_add"]),
    ("unstage everything", &["git__git_reset"]),
    ("commit history", &["git__git_log"]),
    ("new branch", &["git__git_create_branch"]),
    ("switch to another branch", &["git__git_checkout"]),
    ("show one commit", &["git__git_show"]),
    ("list branches", &["git__git_branch"]),
    ("what time is it in Tokyo", &["time__get_current_time"]),
    ("current time", &["time__get_current_time"]),
    ("convert between time zones", &["time__convert_time"]),
    ("add two numbers", &["every__get-sum"]),
    ("compress a file", &["every__gzip-file-as-resource"]),
    ("environment variables", &["every__get-env"]),
    ("repeat what I say", &["every__echo"]),
    ("start a long operation with progress", &["every__trigger-long-running-operation"]),
    ("a small picture of a logo", &["every__get-tiny-image"]),
    ("links to resources", &["every__get-resource-links"]),
    ("turn logging on", &["every__toggle-simulated-logging"]),
    ("research a topic", &["every__simulate-research-query"]),
    ("reference to one resource", &["every__get-resource-reference"]),
    ("structured output with a schema", &["every__get-structured-content"]),
    ("look at two versions of the code side by side", &["git__git_diff"]),
];

/// At least so many of them; `docs/gateway.md` says how many.
const FOUND: usize = 42;

fn peer(name: &str) -> PathBuf {
    installed().join("bin").join(format!("server-{name}"))
}

#[tokio::test]
async fn the_right_tool_of_real_servers_is_among_the_first_five() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().display().to_string();
    let servers: [(&str, &str, Vec<String>); 4] = [
        ("every", "everything", vec![]),
        ("files", "filesystem", vec![folder]),
        ("git", "git", vec![]),
        ("time", "time", vec![]),
    ];
    let mut config = "discovery = \"search\"\n[tenant.default]\n".to_owned();
    for (name, program, arguments) in servers {
        let mut command = vec![peer(program).display().to_string()];
        command.extend(arguments);
        config.push_str(&format!(
            "[[server]]\nname = \"{name}\"\ncommand = {command:?}\n"
        ));
    }
    let gate = Gate::open(&config).await;
    let mut caller = Caller::of(&gate.stage.agent, &gate.url);
    caller.open_session().await;
    let mut missed = Vec::new();
    for (id, (query, right)) in (10..).zip(QUERIES) {
        let arguments = json!({"query": query});
        let asked = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call",
            "params": {"name": "find_tools", "arguments": arguments}});
        let told = caller.ask(&asked.to_string()).await;
        let told: Value = serde_json::from_str(told.last().unwrap()).unwrap();
        let tools = told["result"]["structuredContent"]["tools"].as_array();
        let tools = tools.unwrap_or_else(|| panic!("{told}"));
        let names: Vec<&str> = tools
            .iter()
            .map(|tool| tool["name"].as_str().unwrap())
            .collect();
        assert!(names.len() <= 5);
        if !right.iter().any(|right| names.contains(right)) {
            missed.push((query, names.join(" ")));
        }
    }
    let found = QUERIES.len() - missed.len();
    let all = QUERIES.len();
    assert!(found >= FOUND, "{found} of {all}; not: {missed:#?}");
}
