//! What to type, for the help and the manual page of every command.

use mcps_manual::Example;

/// How the program ends, for `--help`.
pub(crate) const ENDING: &str = "\
Exit codes: 0 done, 1 it was not done and the message says why, 2 wrong usage, 6 something is not as it
was written.";

/// In the order of the commands.
pub(crate) const EXAMPLES: [Example; 22] = [
    ("", &["mcps-authority serve", "mcps-authority doctor"]),
    (
        "serve",
        &[
            "mcps-authority serve",
            "mcps-authority serve --listen 0.0.0.0:7300 --database-url-file database_url --tls-cert chain.pem --tls-key key.pem",
        ],
    ),
    (
        "add-operator",
        &["mcps-authority add-operator --name alice"],
    ),
    ("keys", &["mcps-authority keys list"]),
    ("keys list", &["mcps-authority keys list -o json"]),
    (
        "keys prepare",
        &["mcps-authority keys prepare --use passport"],
    ),
    (
        "keys activate",
        &["mcps-authority keys activate --use passport"],
    ),
    ("keys taint", &["mcps-authority keys taint --use passport"]),
    (
        "keys revoke",
        &["mcps-authority keys revoke --kid NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"],
    ),
    ("examine", &["mcps-authority examine -o json"]),
    ("hook", &["mcps-authority hook list"]),
    (
        "hook add",
        &["mcps-authority hook add --name siem --generate --ceiling suspend --tenant default"],
    ),
    ("hook list", &["mcps-authority hook list"]),
    ("hook remove", &["mcps-authority hook remove --name siem"]),
    ("migrate", &["mcps-authority migrate"]),
    ("backup", &["mcps-authority backup --to authority.backup"]),
    (
        "restore",
        &["mcps-authority restore --from authority.backup --data-dir ./new"],
    ),
    ("new-epoch", &["mcps-authority new-epoch"]),
    ("doctor", &["mcps-authority doctor -o json"]),
    (
        "openapi",
        &["mcps-authority openapi > openapi/authority.json"],
    ),
    (
        "man",
        &["mcps-authority man --out /usr/local/share/man/man1"],
    ),
    (
        "completions",
        &["mcps-authority completions bash > /etc/bash_completion.d/mcps-authority"],
    ),
];
