//! What to type, for the help and the manual page of every command.

use mcps_manual::Example;

/// In the order of the commands.
pub(super) const EXAMPLES: [Example; 112] = [
    (
        "",
        &[
            "mcps passport request --authority http://127.0.0.1:7300 --enrolment-token-file token --name my-agent",
            "mcps connect -- mcps-wrap --home ./server -- mcps-demo-server",
            "mcps doctor",
        ],
    ),
    (
        "keygen",
        &[
            "mcps keygen",
            "mcps --home ./agent keygen --force --dry-run",
        ],
    ),
    ("passport", &["mcps passport show", "mcps passport renew"]),
    (
        "passport request",
        &[
            "mcps passport request --authority https://ta.example.com --enrolment-token-file token --name my-agent",
            "mcps passport issue --authority https://ta.example.com --operator-key-file operator.key --name my-server --kind server --owner me@example.com --level 2",
        ],
    ),
    (
        "passport list",
        &["mcps passport list --status live --operator-key-file operator.key"],
    ),
    (
        "passport show",
        &[
            "mcps passport show",
            "mcps passport show asp_00112233445566778899aabbccddeeff -o json",
        ],
    ),
    (
        "passport verify",
        &[
            "mcps passport verify --online",
            "mcps passport verify other-passport.json",
        ],
    ),
    (
        "passport renew",
        &[
            "mcps passport renew --ttl 1h",
            "mcps passport renew --dry-run",
        ],
    ),
    ("passport rotate", &["mcps passport rotate --overlap 10m"]),
    (
        "passport report-compromise",
        &[
            "mcps passport report-compromise --dry-run",
            "mcps passport report-compromise --save statement.json",
        ],
    ),
    (
        "passport revoke",
        &[
            "mcps passport revoke asp_00112233445566778899aabbccddeeff --reason key_compromise --operator-key-file operator.key",
        ],
    ),
    (
        "token",
        &["mcps token create --name my-agent --owner me@example.com --token-file token"],
    ),
    (
        "token create",
        &[
            "mcps token create --name my-agent --owner me@example.com --token-file token",
            "mcps token create --name-prefix ci- --kind server --owner ci@example.com --level 2 --valid-for 1d --dry-run",
        ],
    ),
    ("token list", &["mcps token list --limit 20 -o json"]),
    (
        "token withdraw",
        &["mcps token withdraw enr_00112233445566778899aabbccddeeff"],
    ),
    ("order", &["mcps order suspend --agent my-agent --until 2h"]),
    (
        "order revoke",
        &["mcps order revoke --owner left@example.com --reason superseded --dry-run"],
    ),
    (
        "order suspend",
        &["mcps order suspend --agent my-agent --until 2h --note 'case 41'"],
    ),
    (
        "order reinstate",
        &["mcps order reinstate --agent my-agent"],
    ),
    (
        "order stop",
        &["mcps order stop --whole-tenant --tenant staging"],
    ),
    ("order list", &["mcps order list --outcome held"]),
    (
        "order undo",
        &["mcps order undo act_00112233445566778899aabbccddeeff --dry-run"],
    ),
    ("envelope", &["mcps envelope verify captured.json"]),
    (
        "envelope verify",
        &[
            "mcps envelope verify captured.json",
            "mcps envelope verify - -o json < captured.json",
        ],
    ),
    (
        "connect",
        &[
            "mcps --home ./agent connect -- mcps-wrap --home ./server -- mcps-demo-server",
            "mcps --home ./agent connect --url https://mcps.example.com/mcp",
        ],
    ),
    ("tool", &["mcps tool list"]),
    ("tool list", &["mcps tool list -o json"]),
    (
        "tool approve",
        &["mcps tool approve my-server read_note --dry-run"],
    ),
    ("server", &["mcps server list"]),
    (
        "server add",
        &[
            "mcps server add --name my-server --owner me@example.com --operator-key-file operator.key",
            "mcps --home ./server server add --tools tools.json --operator-key-file operator.key",
        ],
    ),
    ("server list", &["mcps server list --state active -o json"]),
    (
        "server show",
        &["mcps server show srv_00112233445566778899aabbccddeeff"],
    ),
    (
        "server change",
        &["mcps server change srv_00112233445566778899aabbccddeeff --state disabled --dry-run"],
    ),
    (
        "manifest",
        &["mcps manifest list srv_00112233445566778899aabbccddeeff"],
    ),
    (
        "manifest publish",
        &[
            "mcps --home ./server manifest publish --server srv_00112233445566778899aabbccddeeff --tools tools.json --dry-run",
        ],
    ),
    (
        "manifest list",
        &["mcps manifest list srv_00112233445566778899aabbccddeeff"],
    ),
    (
        "manifest show",
        &["mcps manifest show srv_00112233445566778899aabbccddeeff 1.2.0"],
    ),
    (
        "manifest diff",
        &["mcps manifest diff srv_00112233445566778899aabbccddeeff 1.1.0 1.2.0"],
    ),
    ("trust", &["mcps trust explain my-server"]),
    (
        "trust explain",
        &[
            "mcps trust explain my-server",
            "mcps trust explain my-agent --kind agent -o json",
        ],
    ),
    (
        "trust record",
        &["mcps trust record my-server --type decision --statement 'met the owner' --dry-run"],
    ),
    (
        "trust approve",
        &[
            "mcps trust approve ev_00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff --dry-run",
        ],
    ),
    ("trust approver", &["mcps trust approver list"]),
    (
        "trust approver add",
        &["mcps trust approver add --key approver.pem"],
    ),
    ("trust approver list", &["mcps trust approver list"]),
    (
        "trust approver revoke",
        &["mcps trust approver revoke NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"],
    ),
    ("trust scanner", &["mcps trust scanner list"]),
    (
        "trust scanner add",
        &["mcps trust scanner add ci --public-key scanner.pem --format sarif"],
    ),
    (
        "trust scanner list",
        &["mcps trust scanner list --tenant default -o json"],
    ),
    (
        "trust scanner revoke",
        &["mcps trust scanner revoke ci --reason 'its key was lost'"],
    ),
    (
        "trust seal",
        &[
            "mcps trust seal report.sarif --manifest 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff --key scanner-key.pem",
        ],
    ),
    (
        "trust attest",
        &["mcps trust attest my-server --save level.json"],
    ),
    ("trust challenge", &["mcps trust challenge my-server"]),
    ("trust check", &["mcps trust check my-server"]),
    ("feed", &["mcps feed watch"]),
    (
        "feed watch",
        &[
            "mcps feed watch --count 1",
            "mcps feed watch -o json --for 1h > feed.jsonl",
        ],
    ),
    ("feed verify", &["mcps feed verify feed.jsonl"]),
    (
        "feed enforcement",
        &["mcps feed enforcement 1:41 --wait 5s"],
    ),
    ("feed show", &["mcps feed show -o json"]),
    ("audit", &["mcps audit verify"]),
    (
        "audit list",
        &["mcps audit list --subject asp_00112233445566778899aabbccddeeff"],
    ),
    (
        "audit verify",
        &[
            "mcps audit verify",
            "mcps audit verify audit.jsonl --checkpoint kept.json",
        ],
    ),
    ("audit export", &["mcps audit export > audit.jsonl"]),
    ("incident", &["mcps incident list --outcome proposed"]),
    (
        "incident list",
        &[
            "mcps incident list --outcome proposed",
            "mcps incident list --source alertmanager -o json",
        ],
    ),
    (
        "incident show",
        &["mcps incident show inc_00112233445566778899aabbccddeeff"],
    ),
    (
        "incident approve",
        &["mcps incident approve inc_00112233445566778899aabbccddeeff --note 'seen in the logs'"],
    ),
    (
        "incident dismiss",
        &["mcps incident dismiss inc_00112233445566778899aabbccddeeff --note 'a drill'"],
    ),
    (
        "incident undo",
        &["mcps incident undo inc_00112233445566778899aabbccddeeff --dry-run"],
    ),
    ("hook", &["mcps hook list"]),
    (
        "hook add",
        &[
            "mcps hook add alertmanager --adapter alertmanager --proof bearer --ceiling suspend --reach 1 --save-secret alertmanager.token",
        ],
    ),
    ("hook list", &["mcps hook list -o json"]),
    ("hook show", &["mcps hook show alertmanager"]),
    (
        "hook test",
        &["mcps hook test alertmanager --report report.json"],
    ),
    ("hook disable", &["mcps hook disable alertmanager"]),
    ("hook enable", &["mcps hook enable alertmanager"]),
    ("webhook", &["mcps webhook list"]),
    (
        "webhook add",
        &[
            "mcps webhook add https://soar.example.com/mcps --event suspend --event revoke",
            "mcps webhook add https://peer.example.com/v1/hooks/us --form shared-signals --audience https://peer.example.com",
        ],
    ),
    ("webhook list", &["mcps webhook list -o json"]),
    (
        "webhook show",
        &["mcps webhook show wh_00112233445566778899aabbccddeeff"],
    ),
    (
        "webhook remove",
        &["mcps webhook remove wh_00112233445566778899aabbccddeeff"],
    ),
    (
        "webhook test",
        &["mcps webhook test wh_00112233445566778899aabbccddeeff"],
    ),
    ("webhook dead", &["mcps webhook dead"]),
    (
        "webhook replay",
        &["mcps webhook replay wh_00112233445566778899aabbccddeeff"],
    ),
    ("operator", &["mcps operator list"]),
    (
        "operator add",
        &[
            "mcps operator add --name 'on call' --role responder --tenant acme --expires 90d --key-file oncall.key",
        ],
    ),
    ("operator list", &["mcps operator list -o json"]),
    (
        "operator show",
        &["mcps operator show op_00112233445566778899aabbccddeeff"],
    ),
    (
        "operator disable",
        &["mcps operator disable op_00112233445566778899aabbccddeeff"],
    ),
    (
        "operator rotate",
        &["mcps operator rotate op_00112233445566778899aabbccddeeff --key-file new.key"],
    ),
    ("tenant", &["mcps tenant list"]),
    ("tenant add", &["mcps tenant add acme --note 'Acme Ltd'"]),
    ("tenant list", &["mcps tenant list -o json"]),
    ("tenant show", &["mcps tenant show acme"]),
    ("tenant disable", &["mcps tenant disable acme"]),
    ("tenant enable", &["mcps tenant enable acme"]),
    ("policy", &["mcps policy check policies/tenant.cedar"]),
    ("policy check", &["mcps policy check policies/tenant.cedar"]),
    (
        "policy test",
        &["mcps policy test policies/tenant.cedar --cases cases.toml"],
    ),
    (
        "policy explain",
        &["mcps policy explain policies/tenant.cedar --events ./gateway"],
    ),
    (
        "policy simulate",
        &["mcps policy simulate policies/new.cedar --events ./gateway"],
    ),
    (
        "policy push",
        &["mcps policy push default policies/tenant.cedar --dry-run"],
    ),
    ("policy show", &["mcps policy show default"]),
    ("policy history", &["mcps policy history default -o json"]),
    (
        "quarantine",
        &[
            "mcps --home ./gateway quarantine list",
            "mcps quarantine block my-server send_mail --tenant default --authority https://ta.example.com",
        ],
    ),
    ("why", &["mcps --home ./gateway why --help"]),
    ("events", &["mcps --home ./gateway events tail --last 5"]),
    (
        "doctor",
        &[
            "mcps doctor",
            "mcps doctor --url https://mcps.example.com/mcp",
            "mcps --home ./server doctor --listen 0.0.0.0:8443 -- npx -y @modelcontextprotocol/server-everything",
        ],
    ),
    ("codes", &["mcps codes"]),
    ("man", &["mcps man --out /usr/local/share/man/man1"]),
    (
        "completions",
        &["mcps completions bash > /etc/bash_completion.d/mcps"],
    ),
    ("dev", &["mcps dev --once"]),
];
