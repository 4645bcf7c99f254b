use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use mcps_core::code::Code;
use mcps_core::level::TrustLevel;

use super::{Levels, Sets};
use crate::call::Target;
use crate::config::Config;
use crate::tenants::Told;

const CONFIG: &str = r#"
[tenant.strict]
min_level = 4
[tenant.lax]
min_level = 2
[[server]]
name = "files"
command = ["files"]
[server.tool.delete]
min_level = 3
"#;

fn sets(config: &str) -> Arc<Sets> {
    let config = Arc::new(Config::parse(config).unwrap());
    Arc::new(Sets::load(&config, Path::new(""), Told::none()).unwrap())
}

fn levels() -> Levels {
    Levels::new(Arc::new(ArcSwap::new(sets(CONFIG))))
}

fn target(tool: Option<&str>) -> Target {
    Target {
        server: Some("files".to_owned()),
        name: tool.map(str::to_owned),
    }
}

#[test]
fn one_tenant_demands_of_a_server_what_another_does_not() {
    let levels = levels();
    for (tenant, tool, need) in [
        ("strict", None, TrustLevel::L4),
        ("strict", Some("delete"), TrustLevel::L4),
        ("lax", None, TrustLevel::L2),
        ("lax", Some("look"), TrustLevel::L2),
        ("lax", Some("delete"), TrustLevel::L3),
    ] {
        for have in TrustLevel::ALL {
            let admitted = levels.admits(tenant, have, &target(tool));
            assert_eq!(admitted.is_ok(), have >= need, "{tenant} {tool:?} {have}");
            if let Err(denial) = admitted {
                assert_eq!(denial.code, Code::TrustTooLow);
            }
        }
    }
}

#[test]
fn a_level_counts_from_the_moment_it_is_demanded() {
    let current = Arc::new(ArcSwap::new(sets(CONFIG)));
    let levels = Levels::new(Arc::clone(&current));
    let admits = |levels: &Levels| levels.admits("lax", TrustLevel::L2, &target(None)).is_ok();
    assert!(admits(&levels));
    let stricter = CONFIG.replace("min_level = 2", "min_level = 3");
    current.store(sets(&stricter));
    assert!(!admits(&levels));
}

#[test]
fn whoever_the_policies_were_not_loaded_for_is_refused() {
    let levels = levels();
    let denial = levels
        .admits("new", TrustLevel::L4, &target(None))
        .unwrap_err();
    assert_eq!(denial.code, Code::Denied);
}
