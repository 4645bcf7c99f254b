use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::pin::{PinStore, Server};

use super::super::CliError;
use super::find;

fn server(tenant: &str, name: &str) -> Server {
    Server::Subject {
        issuer: "authority".to_owned(),
        tenant: tenant.to_owned(),
        name: name.to_owned(),
    }
}

fn pins(servers: &[Server]) -> PinStore {
    let mut pins = PinStore::default();
    for server in servers {
        for tool in ["echo", "add"] {
            pins.look(
                server,
                tool,
                &Digest::of(b"definition"),
                Timestamp::from_millis(0),
            )
            .unwrap();
        }
    }
    pins
}

#[test]
fn finds_a_server_by_its_last_part_when_that_is_unique() {
    let pins = pins(&[
        server("a", "files"),
        server("a", "mail"),
        server("b", "mail"),
    ]);
    assert_eq!(find(&pins, "files").unwrap(), server("a", "files"));
    assert_eq!(
        find(&pins, "authority/b/mail").unwrap(),
        server("b", "mail")
    );
    assert!(matches!(find(&pins, "mail"), Err(CliError::ManyServers(_))));
    assert!(matches!(
        find(&pins, "notes"),
        Err(CliError::UnknownServer(_))
    ));
}

#[test]
fn a_whole_name_comes_before_a_part() {
    let origin = Server::Origin("files".to_owned());
    let pins = pins(&[server("a", "files"), origin.clone()]);
    assert_eq!(find(&pins, &origin.to_string()).unwrap(), origin);
}
