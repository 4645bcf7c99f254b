//! Certificates that only this company's machines trust.

use std::fs;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
};

use crate::world::World;

/// A certificate authority of the test's own.
pub(crate) struct Ca {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate.
    pub(crate) pem: String,
}

impl Ca {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        Self { issuer, pem }
    }

    /// Writes `cert.pem` and `key.pem` for this machine.
    pub(crate) fn certify(&self, folder: &Path) {
        let key = KeyPair::generate().unwrap();
        let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
        let params = CertificateParams::new(names).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
        fs::write(folder.join("cert.pem"), certificate.pem()).unwrap();
    }

    /// An authority that requires a certificate of this one's of its clients.
    pub(crate) fn world(&self) -> World {
        let folder = tempfile::tempdir().unwrap();
        let own = Self::new();
        own.certify(folder.path());
        let file = |name: &str| folder.path().join(name).display().to_string();
        fs::write(file("ca.pem"), &own.pem).unwrap();
        fs::write(file("clients.pem"), &self.pem).unwrap();
        let (certificate, key, ca) = (file("cert.pem"), file("key.pem"), file("clients.pem"));
        let options = [
            "--tls-cert",
            &certificate,
            "--tls-key",
            &key,
            "--client-ca",
            &ca,
            "--require-client-certificate",
        ];
        let mut world = World::start_in(folder, &options);
        world.trust(Some(world.dir().join("ca.pem")));
        world
    }

    /// A certificate of that URI name for a client, with its key, as one PEM.
    pub(crate) fn client(&self, name: &str) -> String {
        self.client_until(name, 4096)
    }

    /// The same, good until that year begins.
    pub(crate) fn client_until(&self, name: &str, year: i32) -> String {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = vec![SanType::URI(name.try_into().unwrap())];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        certificate.pem() + &key.serialize_pem()
    }
}
