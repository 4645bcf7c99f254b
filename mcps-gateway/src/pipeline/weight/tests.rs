use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::Weight;
use crate::call::sample::call;
use crate::config::Config;
use crate::judge::{Levels, Sets};
use crate::tenants::Told;

const CONFIG: &str = r#"
[tenant.acme]
unrecorded = "allow"
[tenant.strict]
[[server]]
name = "files"
command = ["x"]
[server.tool.look]
class = ["read"]
[server.tool.secret]
class = ["read"]
min_level = 3
[server.tool.change]
class = ["read", "write"]
"#;

fn weight(tenant: &str, method: &str, name: &str) -> Weight {
    let config = Arc::new(Config::parse(CONFIG).unwrap());
    let mut call = call("s", "{}");
    call.caller.tenant = tenant.to_owned();
    call.method = method.to_owned();
    call.target.server = Some("files".to_owned());
    call.target.name = Some(name.to_owned());
    let sets = Sets::load(&config, Path::new("."), Told::none()).unwrap();
    let levels = Levels::new(Arc::new(ArcSwap::from_pointee(sets)));
    Weight::of(&config, &levels, &call)
}

#[test]
fn only_what_looks_and_takes_no_high_level_may_go_unrecorded_and_only_if_its_tenant_says_so() {
    assert_eq!(weight("acme", "tools/call", "look"), Weight::May);
    assert_eq!(weight("strict", "tools/call", "look"), Weight::Should);
    assert_eq!(weight("unknown", "tools/call", "look"), Weight::Must);
    for name in ["secret", "change", "nobody has said what this does"] {
        assert_eq!(weight("acme", "tools/call", name), Weight::Must, "{name}");
    }
    assert_eq!(weight("acme", "resources/read", "look"), Weight::May);
    assert_eq!(weight("acme", "initialize", "look"), Weight::May);
    assert_eq!(weight("acme", "tasks/whatever", "look"), Weight::Must);
}
