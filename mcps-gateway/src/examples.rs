//! What to type, for the help and the manual page of every command.

use mcps_manual::Example;

/// In the order of the commands.
pub(crate) const EXAMPLES: [Example; 25] = [
    (
        "",
        &["mcps-gateway --home ./gateway serve --config gateway.toml"],
    ),
    (
        "serve",
        &[
            "mcps-gateway --home ./gateway serve --config gateway.toml",
            "mcps-gateway --home ./gateway serve --config gateway.toml --listen 0.0.0.0:8443 --public-url https://mcps.example.com/mcp --tls-cert chain.pem --tls-key key.pem",
        ],
    ),
    (
        "stdio",
        &["mcps-gateway --home ./gateway stdio --config gateway.toml --as ./agent"],
    ),
    ("check", &["mcps-gateway check --config gateway.toml"]),
    ("policy", &["mcps-gateway policy check tenant.cedar"]),
    (
        "policy check",
        &["mcps-gateway policy check tenant.cedar -o json"],
    ),
    (
        "policy test",
        &["mcps-gateway policy test tenant.cedar --cases cases.toml"],
    ),
    (
        "policy explain",
        &["mcps-gateway policy explain tenant.cedar --events ./gateway"],
    ),
    (
        "policy simulate",
        &["mcps-gateway policy simulate new.cedar --events ./gateway"],
    ),
    (
        "quarantine",
        &["mcps-gateway --home ./gateway quarantine list"],
    ),
    (
        "quarantine list",
        &["mcps-gateway --home ./gateway quarantine list --all"],
    ),
    (
        "quarantine show",
        &["mcps-gateway --home ./gateway quarantine show demo read_note"],
    ),
    (
        "quarantine promote",
        &[
            "mcps-gateway --home ./gateway quarantine promote demo read_note --by me --dry-run --hash 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        ],
    ),
    (
        "quarantine reject",
        &[
            "mcps-gateway --home ./gateway quarantine reject demo read_note --by me --hash 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        ],
    ),
    (
        "quarantine block",
        &[
            "mcps-gateway --home ./gateway quarantine block demo send_mail --by me --reason 'case 41'",
        ],
    ),
    (
        "quarantine unblock",
        &["mcps-gateway --home ./gateway quarantine unblock demo send_mail --by me"],
    ),
    ("key", &["mcps-gateway key new my-agent --tenant default"]),
    (
        "key new",
        &["mcps-gateway key new my-agent --tenant default --lifetime 90d"],
    ),
    (
        "why",
        &[
            "mcps-gateway --home ./gateway why demo__send_mail --agent my-agent --config gateway.toml",
        ],
    ),
    ("events", &["mcps-gateway --home ./gateway events tail"]),
    (
        "events tail",
        &["mcps-gateway --home ./gateway events tail --follow -o json"],
    ),
    (
        "events query",
        &[
            "mcps-gateway --home ./gateway events query --agent my-agent --outcome refused --since 1h",
        ],
    ),
    (
        "events verify",
        &["mcps-gateway --home ./gateway events verify"],
    ),
    ("man", &["mcps-gateway man --out /usr/local/share/man/man1"]),
    (
        "completions",
        &["mcps-gateway completions bash > /etc/bash_completion.d/mcps-gateway"],
    ),
];
