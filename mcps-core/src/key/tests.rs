use super::{KeyError, KeyId, PublicKey, SecretKey};
use crate::digest::Digest;
use crate::json::Document;
use crate::random::SeededRandom;
use crate::signature::Signature;
use crate::signer::Signer as _;

fn key() -> SecretKey {
    SecretKey::generate(&SeededRandom::new(1)).unwrap()
}

#[test]
fn pem_and_jwk_bring_back_the_same_key() {
    let key = key();
    let again = SecretKey::from_pem(&key.to_pem().unwrap()).unwrap();
    assert_eq!(again.public_key(), key.public_key());
    let public = key.public_key();
    assert_eq!(
        &PublicKey::from_pem(&public.to_pem().unwrap()).unwrap(),
        public
    );
    let jwk = Document::parse(public.to_jwk()).unwrap();
    assert_eq!(&PublicKey::from_jwk(jwk.root()).unwrap(), public);
    assert_eq!(
        KeyId::parse(public.key_id().as_str()).as_ref(),
        Some(public.key_id())
    );
}

/// The coordinates and thumbprint of RFC 7515 A.3's key, hashed as RFC 7638 §3 says.
#[test]
fn thumbprint_hashes_the_required_members_in_order() {
    let jwk = r#"{"use":"sig","kty":"EC","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"}"#;
    let document = Document::parse(jwk).unwrap();
    let key = PublicKey::from_jwk(document.root()).unwrap();
    assert_eq!(
        key.key_id().as_str(),
        "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"
    );
}

#[test]
fn refuses_keys_that_are_not_public_p256() {
    let good = key().public_key().to_jwk();
    for (from, to) in [
        ("EC", "RSA"),
        ("P-256", "P-384"),
        (r#""x":"#, r#""d":"AA","x":"#),
        (r#""y":""#, r#""y":"A"#),
    ] {
        let document = Document::parse(good.replace(from, to)).unwrap();
        assert!(
            PublicKey::from_jwk(document.root()).is_err(),
            "{from} -> {to}"
        );
    }
    assert_eq!(PublicKey::from_sec1(&[4; 65]).unwrap_err(), KeyError::Point);
    assert_eq!(PublicKey::from_sec1(&[]).unwrap_err(), KeyError::Point);
    assert!(
        PublicKey::from_pem("-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----").is_err()
    );
}

#[test]
fn signs_low_s_and_both_libraries_agree() {
    let key = key();
    for i in 0..64_u8 {
        let digest = Digest::of(&[i]);
        let signature = key.sign(&digest).unwrap();
        assert!(signature.is_low_s());
        key.public_key().verify(&digest, &signature).unwrap();
        key.public_key().cross_check(&digest, &signature).unwrap();
        assert!(
            key.public_key()
                .verify(&Digest::of(b"other"), &signature)
                .is_err()
        );
        assert!(
            key.public_key()
                .cross_check(&Digest::of(b"other"), &signature)
                .is_err()
        );
    }
}

#[test]
fn reads_only_canonical_base64_of_64_bytes() {
    let text = key().sign(&Digest::of(b"x")).unwrap().to_base64();
    assert_eq!(Signature::from_base64(&text).unwrap().to_base64(), text);
    let non_canonical = format!(
        "{}{}==",
        &text[..85],
        if text.as_bytes()[85] == b'A' {
            'B'
        } else {
            char::from(text.as_bytes()[85] + 1)
        }
    );
    for bad in [
        "",
        &text[..86],
        &text.replace("==", "=A"),
        &format!("{text}\n"),
        &non_canonical,
        &"=".repeat(88),
    ] {
        assert!(Signature::from_base64(bad).is_err(), "{bad}");
    }
}

#[test]
fn debug_output_holds_no_secret() {
    let key = key();
    let pem = key.to_pem().unwrap();
    let shown = format!("{key:?}");
    assert!(shown.len() < 80 && !pem.contains(&shown[10..shown.len() - 1]));
}

#[test]
fn a_sealed_key_opens_with_its_passphrase_and_nothing_else() {
    let random = SeededRandom::new(5);
    let key = SecretKey::generate(&random).unwrap();
    let sealed = key.to_sealed_pem("correct horse", &random).unwrap();
    assert!(sealed.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
    assert!(SecretKey::is_sealed(&sealed) && !SecretKey::is_sealed(&key.to_pem().unwrap()));
    let opened = SecretKey::from_sealed_pem(&sealed, "correct horse").unwrap();
    assert_eq!(opened.public_key(), key.public_key());

    let wrong = SecretKey::from_sealed_pem(&sealed, "correct hors").unwrap_err();
    assert_eq!(wrong, KeyError::Passphrase);
    assert!(!wrong.to_string().contains("hors"));
    assert_eq!(SecretKey::from_pem(&sealed).unwrap_err(), KeyError::Pem);
    let plain = key.to_pem().unwrap();
    let refused = SecretKey::from_sealed_pem(&plain, "correct horse");
    assert_eq!(refused.unwrap_err(), KeyError::Pem);
}

#[test]
fn a_key_sealed_by_openssl_opens() {
    // openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 | openssl pkcs8 -topk8 \
    //     -passout pass:hunter2 -v2 aes-256-cbc -iter 2048
    let pem = include_str!("testdata/openssl.pem");
    let key = SecretKey::from_sealed_pem(pem, "hunter2").unwrap();
    let public = PublicKey::from_pem(include_str!("testdata/openssl.pub.pem")).unwrap();
    assert_eq!(key.public_key(), &public);
    let p384 = include_str!("testdata/openssl-p384.pem");
    let refused = SecretKey::from_sealed_pem(p384, "hunter2");
    assert_eq!(refused.unwrap_err(), KeyError::Passphrase);
}

#[test]
fn the_spki_digest_is_that_of_the_pem_block() {
    use base64::Engine as _;
    let key = SecretKey::generate(&SeededRandom::new(7)).unwrap();
    let pem = key.public_key().to_pem().unwrap();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = base64::engine::general_purpose::STANDARD
        .decode(body)
        .unwrap();
    assert_eq!(key.public_key().spki_digest(), Digest::of(&der));
}
