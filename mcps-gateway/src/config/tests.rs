use mcps_core::level::TrustLevel;

use super::{Config, PolicyFrom};

const GOOD: &str = r#"
listen = "127.0.0.1:8443"

[tenant.acme]
min_level = 2

[tenant.open]
anonymous = true

[[server]]
name = "files"
tenants = ["acme", "open"]
command = ["npx", "-y", "files"]
min_level = "L3"

[server.tool.delete_file]
min_level = 4
class = ["destroy"]

[[server]]
name = "search"
url = "https://search.example.com/mcp"
"#;

#[test]
fn reads_tenants_servers_and_tools() {
    let config = Config::parse(GOOD).unwrap();
    let [files, search] = config.server.as_slice() else {
        panic!("two servers");
    };
    assert_eq!(files.min_level.0, TrustLevel::L3);
    assert_eq!(files.tool["delete_file"].min_level.0, TrustLevel::L4);
    assert!(files.admits("acme") && files.admits("open") && !files.admits("other"));
    assert!(search.admits("acme"), "a server without tenants is for all");
}

#[test]
fn a_key_that_is_unknown_is_named_with_its_line() {
    let why = Config::parse("listen = \"127.0.0.1:1\"\nmin_levle = 2\n").unwrap_err();
    assert!(why.contains("line 2") && why.contains("min_levle"), "{why}");
    let server = "[[server]]\nname = \"a\"\ncommand = [\"x\"]\n[server.tool.t]\nlevel = 2\n";
    let why = Config::parse(server).unwrap_err();
    assert!(why.contains("line 5") && why.contains("min_level"), "{why}");
}

#[test]
fn where_gateways_share_is_safe_to_reach_and_holds_no_password() {
    let shared = |rest: &str| Config::parse(&format!("[shared]\n{rest}\n[tenant.acme]\n"));
    let good = shared("url = \"rediss://gateway@redis.example.com/1\"").unwrap();
    let good = good.shared.unwrap();
    assert_eq!((good.prefix.as_str(), good.timeout_ms), ("mcps", 250));
    assert_eq!(good.place(), "redis.example.com:6379");
    for here in ["redis://127.0.0.1:1", "redis://[::1]", "redis://localhost"] {
        shared(&format!("url = \"{here}\"")).unwrap();
    }
    shared("url = \"redis://redis:6379\"\nplaintext = true").unwrap();
    for (text, said) in [
        ("url = \"redis.example.com\"", "write rediss://HOST:6379"),
        (
            "url = \"https://redis.example.com\"",
            "write rediss://HOST:6379",
        ),
        ("url = \"rediss://h/first\"", "write rediss://HOST:6379"),
        (
            "url = \"rediss://h/0#insecure\"",
            "write rediss://HOST:6379",
        ),
        (
            "url = \"rediss://h/0?protocol=resp3\"",
            "write rediss://HOST:6379",
        ),
        ("url = \"redis://redis.example.com\"", "`plaintext = true`"),
        ("url = \"rediss://u:s3cret@h\"", "`password_file`"),
        ("url = \"redis://localhost\"\nca = \"ca.pem\"", "`ca`"),
        ("url = \"rediss://h\"\nprefix = \"a b\"", "`prefix`"),
        ("url = \"rediss://h\"\ntimeout_ms = 0", "`timeout_ms`"),
    ] {
        let why = shared(text).unwrap_err();
        assert!(
            why.contains(said) && !why.contains("s3cret"),
            "{text}: {why}"
        );
    }
    let why = format!(
        "{:?}",
        Config::parse("[shared]\nurl = \"rediss://u@h\"").unwrap()
    );
    assert!(why.contains("h:6379"), "{why}");
}

#[test]
fn what_contradicts_itself_is_refused_with_what_to_write() {
    let server = |rest: &str| format!("[[server]]\nname = \"a\"\n{rest}");
    for (text, said) in [
        (server(""), "`command = [\"…\"]` or `url = \"…\"`"),
        (server("command = []"), "`command` is empty"),
        (
            server("command = [\"x\"]\nurl = \"http://localhost\""),
            "not both",
        ),
        (
            server("command = [\"x\"]\nsigned = true"),
            "`signed` is for",
        ),
        (
            server("url = \"http://localhost\"\nshared = true"),
            "`shared` is for",
        ),
        (
            server("url = \"http://localhost\"\npassport = \"p\""),
            "add `signed = true`",
        ),
        (
            server("command = [\"x\"]\ntenant = \"t\""),
            "add [tenant.t]",
        ),
        (
            server("command = [\"x\"]\nhold = true\npass_unlisted = true"),
            "`pass_unlisted` lets through",
        ),
        (
            server("command = [\"x\"]\npass_unlisted = true"),
            "`pass_unlisted` lets through",
        ),
        (
            server("command = [\"x\"]\nera = \"2024-11-05\""),
            "`2025-11-25` or `2026-07-28`",
        ),
        (
            server("command = [\"x\"]\nmin_level = 5"),
            "0, 1, 2, 3 or 4",
        ),
        (
            server("command = [\"x\"]\nmin_level = \"high\""),
            "0, 1, 2, 3 or 4",
        ),
        (
            "[[server]]\nname = \"a__b\"\ncommand = [\"x\"]".to_owned(),
            "without `__`",
        ),
        (
            "[[server]]\nname = \"../x\"\ncommand = [\"x\"]".to_owned(),
            "write a name",
        ),
        (
            "[tenant.a]\nanonymous = true\n[tenant.b]\nanonymous = true".to_owned(),
            "both anonymous",
        ),
        (
            "[tenant.a]\nanonymous = true\nmin_level = 1".to_owned(),
            "leave out one",
        ),
        ("tls_cert = \"x\"".to_owned(), "go together"),
        (
            format!("{0}{0}", server("command = [\"x\"]\n")),
            "another name",
        ),
    ] {
        let why = Config::parse(&text).unwrap_err();
        assert!(why.contains(said), "{text}: {why}");
    }
}

#[test]
fn a_policy_is_of_files_or_of_the_authority() {
    let of = |text: &str| Config::parse(&format!("[tenant.a]\n{text}\n"));
    assert_eq!(
        of("").unwrap().tenant["a"].policy,
        PolicyFrom::Files(vec![])
    );
    let files = of("policy = [\"a.toml\", \"/b.cedar\"]").unwrap();
    let named = vec!["a.toml".into(), "/b.cedar".into()];
    assert_eq!(files.tenant["a"].policy, PolicyFrom::Files(named));
    let told = of("policy = \"authority\"\nmin_level = 1").unwrap();
    assert_eq!(told.tenant["a"].policy, PolicyFrom::Authority);
    for (text, said) in [
        ("policy = \"a.toml\"", "list of files"),
        ("policy = true", "list of files"),
        ("policy = [1]", "string"),
        (
            "policy = \"authority\"\ndefault_policy = false",
            "leave out `default_policy`",
        ),
    ] {
        let why = of(text).unwrap_err();
        assert!(why.contains(said), "{why}");
    }
}

#[test]
fn callers_that_do_not_sign_are_configured_without_contradiction() {
    let key = |digit: &str, more: &str| {
        let digest = digit.repeat(64);
        format!("[[api_key]]\nname = \"ci\"\ntenant = \"a\"\nsha256 = \"{digest}\"\n{more}\n")
    };
    let issuer = |more: &str| {
        format!(
            "[[oidc]]\nissuer = \"https://i.example\"\naudience = \"https://gw.example/mcp\"\n{more}\n"
        )
    };
    let tenant = "[tenant.a]\n";
    let good = format!(
        "{tenant}{}{}{}",
        key("a", "groups = [\"x\"]\nexpires = \"2027-01-01T00:00:00Z\""),
        key("b", "groups = [\"x\"]"),
        issuer("tenant = \"a\"\nalgorithms = [\"PS256\", \"EdDSA\"]")
    );
    let config = Config::parse(&good).unwrap();
    assert!(config.knows_bearers());
    assert_eq!(config.oidc[0].audience, ["https://gw.example/mcp"]);
    for (text, said) in [
        (key("a", ""), "add [tenant.a]"),
        (
            format!("[tenant.a]\nmin_level = 1\n{}", key("a", "")),
            "lets none of them in",
        ),
        (format!("{tenant}{0}{0}", key("a", "")), "is there twice"),
        (
            format!("{tenant}{}{}", key("a", ""), key("b", "owner = \"o\"")),
            "same owner and groups",
        ),
        (format!("{tenant}{}", key("A", "")), "64 lower-case"),
        (
            format!("{tenant}{}", key("a", "expires = \"soon\"")),
            "write an instant",
        ),
        (
            format!("{tenant}{}", key("a", "owner = \" o\"")),
            "without spaces around",
        ),
        (
            format!("{tenant}{}", key("a", "key = \"x\"")),
            "unknown field",
        ),
        (
            format!("{tenant}{}", issuer("")),
            "say whose its callers are",
        ),
        (
            format!("{tenant}{}", issuer("tenant = \"a\"\ntenant_claim = \"t\"")),
            "say whose",
        ),
        (
            format!("{tenant}{}", issuer("tenant = \"b\"")),
            "add [tenant.b]",
        ),
        (
            format!(
                "{tenant}{}",
                issuer("tenant = \"a\"\nalgorithms = [\"HS256\"]")
            ),
            "expected one of `RS256`",
        ),
        (
            format!(
                "{tenant}{}",
                issuer("tenant = \"a\"\nalgorithms = [\"none\"]")
            ),
            "expected one of `RS256`",
        ),
        (
            format!("{tenant}{}", issuer("tenant = \"a\"\nalgorithms = []")),
            "names none",
        ),
        (
            format!("{tenant}{}", issuer("tenant = \"a\"\nskew_s = 301")),
            "at most 300",
        ),
        (
            format!("{tenant}{}", issuer("tenant = \"a\"\nrefetch_s = 0")),
            "at least 1",
        ),
        (
            format!("{tenant}{}", issuer("tenant = \"a\"\nstale_s = 86401")),
            "at most 86400",
        ),
        (
            format!("{tenant}{0}{0}", issuer("tenant = \"a\"")),
            "is there twice",
        ),
        (
            format!(
                "{tenant}{}",
                issuer("tenant = \"a\"").replace("https://i", "http://i")
            ),
            "has no TLS",
        ),
        (
            format!(
                "{tenant}{}",
                issuer("tenant = \"a\"").replace("https://gw.example/mcp", "")
            ),
            "name in `aud`",
        ),
        (
            format!(
                "{tenant}{}[[server]]\nname = \"s\"\nurl = \"http://localhost\"\nforward_headers = [\"authorization\"]",
                key("a", "")
            ),
            "would give the server the keys",
        ),
    ] {
        let why = Config::parse(&text).unwrap_err();
        assert!(why.contains(said), "{text}: {why}");
    }
}

#[test]
fn whose_word_counts_on_what_is_held_and_what_evidence_is_asked_for() {
    let config = Config::parse(
        "[quarantine]\nevidence = 3\n[tenant.acme]\nquarantine = \"authority\"\nevidence = 4\n[tenant.else]\nquarantine = \"gateway\"\n[tenant.other]\n",
    )
    .unwrap();
    let follow = ["acme", "else", "other", "nobody"].map(|name| config.follows_verdicts(name));
    assert_eq!(follow, [true, false, false, false]);
    let need = ["acme", "else", "nobody"].map(|name| config.evidence(name));
    let (l3, l4) = (
        mcps_core::level::TrustLevel::L3,
        mcps_core::level::TrustLevel::L4,
    );
    assert_eq!(need, [Some(l4), Some(l3), None]);
    assert_eq!(config.least_evidence(), Some(l3));
    assert_eq!(Config::default().least_evidence(), None);
    for text in [
        "[quarantine]\nevidence = 1\n",
        "[tenant.acme]\nevidence = 0\n",
        "[quarantine]\nevidence = 5\n",
        "[tenant.acme]\nquarantine = \"nobody\"\n",
    ] {
        assert!(Config::parse(text).is_err(), "{text}");
    }
}

#[test]
fn scopes_are_scopes_and_a_token_says_that_it_is_one_unless_any_may_be() {
    use super::Typ;

    let oidc = |rest: &str| {
        let head = "[tenant.acme]\n[[oidc]]\nissuer = \"https://i.example\"\naudience = \"a\"\ntenant = \"acme\"";
        Config::parse(&format!("{head}\n{rest}\n")).map(|mut config| config.oidc.remove(0))
    };
    assert_eq!(oidc("").unwrap().typ, Typ::AccessToken);
    assert_eq!(oidc("typ = \"any\"").unwrap().typ, Typ::Any);
    oidc("scopes = [\"tools\", \"api://x/y\"]").unwrap();
    assert!(oidc("typ = \"jwt\"").unwrap_err().contains("at+jwt"));
    for wrong in ["tools files", "", "a\\\"b", "ä"] {
        let why = oidc(&format!("scopes = [\"{wrong}\"]")).unwrap_err();
        assert!(why.contains("`scopes`"), "{wrong}: {why}");
    }
}
