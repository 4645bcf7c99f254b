use crate::config::Config;
use crate::policy::Sources;

const KEY: &str = "mcpsk_ZHVtbXktb2YtMjU2LWJpdHMtdGhhdC1ub2JvZHktaGFz";

fn table(line: &str) -> String {
    format!("[tenant.a]\n[[api_key]]\nname = \"ci\"\ntenant = \"a\"\n{line}\n")
}

#[test]
fn no_value_of_a_configuration_is_in_what_is_said_of_it() {
    let server =
        |line: &str| format!("[[server]]\nname = \"s\"\nurl = \"https://s.example\"\n{line}\n");
    for (text, said) in [
        (
            table(&format!("sha256 = \"{KEY}\"")),
            "line 5, column 10: `sha256`: SHA-256 is 64",
        ),
        (table(&format!("sha256 = {KEY}")), "`sha256`: "),
        (table(&format!("key = \"{KEY}\"")), "unknown field `key`"),
        (table(&format!("\"{KEY}\" = 1")), "unknown field, expected"),
        (table(KEY), "line 5"),
        (
            table(&format!("expires = \"{KEY}\"")),
            "`expires`: write an instant",
        ),
        (
            table(&format!("groups = \"{KEY}\"")),
            "`groups`: invalid type: string, expected a sequence",
        ),
        (
            table("sha256 = 31337"),
            "`sha256`: invalid type: integer, expected",
        ),
        (
            format!("listen = \"{KEY}\""),
            "`listen`: invalid socket address",
        ),
        (
            format!("discovery = \"{KEY}\""),
            "`discovery`: unknown value, expected `list` or `search`",
        ),
        (
            format!("max_sessions = \"{KEY}\""),
            "`max_sessions`: invalid type: string, expected",
        ),
        (
            format!("[shared]\nurl = \"rediss://h\"\npassword = \"{KEY}\""),
            "unknown field `password`",
        ),
        (
            format!("[tenant.a]\npolicy = \"{KEY}\""),
            "`policy`: invalid value: string, expected \"authority\"",
        ),
        (
            server(&format!("headers = {{ Authorization = \"Bearer {KEY}\" }}")),
            "unknown field `headers`",
        ),
        (
            server(&format!(
                "forward_headers = [\"Authorization: Bearer {KEY}\"]"
            )),
            "server `s`: `forward_headers` has",
        ),
        (
            server(&format!("min_level = \"{KEY}\"")),
            "`min_level`: invalid value: string, expected a trust level",
        ),
        (
            server(&format!("signed = true\npassport = \"a/b/{KEY}\"")),
            "`passport`: invalid value: string, expected the name",
        ),
        (
            server(&format!("[server.tool.t]\nclass = [\"{KEY}\"]")),
            "unknown value, expected one of `read`",
        ),
        (
            format!("public_url = [\"https://u:{KEY}@gw.example/mcp\"]"),
            "must not contain a user name or password",
        ),
        (
            format!(
                "[tenant.a]\n[[oidc]]\nissuer = \"https://u:{KEY}@i.example\"\naudience = \"a\"\ntenant = \"a\""
            ),
            "`issuer`: the address must not",
        ),
        (
            format!("[shared]\nurl = \"rediss://u:{KEY}@h\""),
            "a password does not belong",
        ),
    ] {
        let why = Config::parse(&text).unwrap_err();
        assert!(why.contains(said), "{text}: {why}");
        for (quoted, what) in [("mcpsk_", "a key"), ("31337", "a number"), ("\n", "a line")] {
            assert!(!why.contains(quoted), "{what}: {why}");
        }
    }
}

#[test]
fn nor_is_one_of_a_policy() {
    for line in [
        format!("on = \"{KEY}\""),
        format!("when = {{ class = [\"{KEY}\"] }}"),
        format!("sensitive = \"{KEY}\""),
        format!("id = {KEY}"),
    ] {
        let text = format!("version = 1\n[[fact]]\n{line}\n");
        let sources = Sources::new().with("a.toml", text).unwrap();
        let why = crate::policy::Policies::load(&sources).unwrap_err();
        let why = why.to_string();
        assert!(
            why.starts_with("a.toml:3: ") || why.starts_with("a.toml:2: "),
            "{why}"
        );
        assert!(!why.contains("mcpsk_"), "{why}");
    }
    for cedar in [
        format!("{{\"policies\": \"{KEY}\"}}"),
        format!("{{\"policies\": [{{\"a\": \"{KEY}\"}}]}}"),
    ] {
        let json = format!("{{\"version\": \"1.0\", \"type\": \"cedarv1\", \"cedar\": {cedar}}}");
        let yaml = format!("version: \"1.0\"\ntype: cedarv1\ncedar: {cedar}\n");
        for (name, text) in [("a.json", json), ("a.yaml", yaml)] {
            let sources = Sources::new().with(name, text).unwrap();
            let why = crate::policy::Policies::load(&sources).unwrap_err();
            let why = why.to_string();
            assert!(why.starts_with(name) && !why.contains("mcpsk_"), "{why}");
        }
    }
}
