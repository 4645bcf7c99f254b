//! Throwaway PKCS#11 tokens, in SoftHSM.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, KeyType, ObjectClass};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use mcps_authority::custody::token::TokenConfig;
use mcps_authority::secret::Secret;
use mcps_core::random::{SystemRandom, hex16};

/// The PIN of every token here.
pub(super) const PIN: &str = "481516-pin-2342";

/// Making a token takes the one free slot.
static MAKING: Mutex<()> = Mutex::new(());

/// A token of its own for one test.
pub(super) struct SoftToken {
    pub(super) config: TokenConfig,
    module: Pkcs11,
    slot: Slot,
    /// Where SoftHSM keeps it.
    pub(super) folder: PathBuf,
}

#[expect(clippy::disallowed_methods, reason = "where the test's SoftHSM is")]
fn environment(name: &str) -> PathBuf {
    let value = std::env::var(name);
    let value = value.unwrap_or_else(|_| {
        panic!("{name} is not set, and this test needs a PKCS#11 token: run `make test`")
    });
    PathBuf::from(value)
}

fn folders() -> BTreeSet<PathBuf> {
    let conf = fs::read_to_string(environment("SOFTHSM2_CONF")).unwrap();
    let folder = conf
        .lines()
        .find_map(|line| line.strip_prefix("directories.tokendir = "));
    let entries = fs::read_dir(folder.unwrap().trim()).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

impl SoftToken {
    pub(super) fn make() -> Self {
        let _one = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        let path = environment("MCPS_TEST_PKCS11_MODULE");
        let module = Pkcs11::new(&path).unwrap();
        // Another test may have been first.
        let _ = module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK));
        let before = folders();
        let label = format!("mcps {}", &hex16(&SystemRandom).unwrap()[..16]);
        let free = |slot: &Slot| {
            let info = module.get_token_info(*slot);
            info.is_ok_and(|info| !info.token_initialized())
        };
        let slots = module.get_slots_with_token().unwrap();
        let slot = slots.into_iter().find(free).unwrap();
        let officer = AuthPin::from("officer-1234".to_owned());
        module.init_token(slot, &officer, &label).unwrap();
        let session = module.open_rw_session(slot).unwrap();
        session.login(UserType::So, Some(&officer)).unwrap();
        session.init_pin(&AuthPin::from(PIN.to_owned())).unwrap();
        session.logout().unwrap();
        session.close().unwrap();
        // SoftHSM shows the next free slot to who asks for the list.
        module.get_slots_with_token().unwrap();
        let folder = folders().difference(&before).next().unwrap().clone();
        let pin = Secret::new(PIN.to_owned());
        Self {
            config: TokenConfig {
                module: path,
                label,
                pin,
            },
            module,
            slot,
            folder,
        }
    }

    /// A session of this test, logged in.
    pub(super) fn session(&self) -> Session {
        let session = self.module.open_rw_session(self.slot).unwrap();
        let _ = session.login(UserType::User, Some(&AuthPin::from(PIN.to_owned())));
        session
    }

    /// Takes the private halves away that are labelled so.
    pub(super) fn lose_private(&self, label: &str) {
        let session = self.session();
        let private = [
            Attribute::Class(ObjectClass::PRIVATE_KEY),
            Attribute::Label(label.into()),
        ];
        for key in session.find_objects(&private).unwrap() {
            session.destroy_object(key).unwrap();
        }
    }

    /// What the private keys say of themselves.
    pub(super) fn may_leave(&self, label: &str) -> Vec<bool> {
        use cryptoki::object::AttributeType;
        let session = self.session();
        let private = [
            Attribute::Class(ObjectClass::PRIVATE_KEY),
            Attribute::Label(label.into()),
        ];
        let keys = session.find_objects(&private).unwrap();
        let asked = [AttributeType::Extractable];
        let answers = keys
            .into_iter()
            .map(|key| session.get_attributes(key, &asked));
        answers
            .map(|answer| matches!(answer.unwrap()[..], [Attribute::Extractable(true)]))
            .collect()
    }

    /// A key on P-384, labelled so.
    pub(super) fn make_p384(&self, label: &str) {
        let session = self.session();
        let both = [
            Attribute::Token(true),
            Attribute::KeyType(KeyType::EC),
            Attribute::Label(label.into()),
            Attribute::Id(vec![9; 16]),
        ];
        let curve = Attribute::EcParams(vec![0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22]);
        let public = [&both[..], &[curve, Attribute::Verify(true)]].concat();
        let private = [&both[..], &[Attribute::Sign(true)]].concat();
        session
            .generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private)
            .unwrap();
    }

    /// Where the folder goes while the token is away.
    pub(super) fn away(&self) -> PathBuf {
        let name = self.folder.file_name().unwrap().to_str().unwrap();
        Path::new("/tmp").join(format!("{name}-away"))
    }
}
