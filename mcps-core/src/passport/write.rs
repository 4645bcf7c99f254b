//! Making a passport: members to the exact bytes to be signed, and those bytes with a signature
//! to a passport. The two steps are apart because an authority stores the bytes in between.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Ext, KeyRotation, Passport, PassportId};
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::jcs;
use crate::json::{Document, quote};
use crate::key::PublicKey;
use crate::level::TrustLevel;
use crate::refusal::Refusal;
use crate::signature::Signature;
use crate::signer::Signer;

/// The members of a passport that is yet to be signed.
#[derive(Clone, Debug)]
pub struct Unsigned {
    /// Its id.
    pub id: PassportId,
    /// The subject's name.
    pub agent_name: String,
    /// The subject's version.
    pub agent_version: String,
    /// At most 64.
    pub capabilities: Vec<String>,
    /// The subject's key.
    pub public_key: PublicKey,
    /// Where the subject lives.
    pub origin: Option<String>,
    /// Summary of the scan evidence, a JSON object.
    pub scan_json: Option<String>,
    /// The level stated.
    pub trust_level: TrustLevel,
    /// From when on.
    pub issued_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// The issuer's name.
    pub issuer: String,
    /// The issuing passports above, the immediate one first.
    pub issuer_chain: Vec<Passport>,
    /// The key that this one replaces.
    pub key_rotation: Option<KeyRotation>,
    /// Our extension.
    pub ext: Option<Ext>,
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    quote(text, &mut out);
    out
}

fn array<'a>(items: impl IntoIterator<Item = &'a String>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| quoted(item)).collect();
    format!("[{}]", items.join(","))
}

impl Unsigned {
    /// The exact bytes to be signed: JCS of the passport without `signature`.
    ///
    /// # Errors
    /// [`Refusal::Json`] when `scan_json` is not strict JSON.
    pub fn to_be_signed(&self) -> Result<String, Refusal> {
        let mut json = String::with_capacity(1024);
        let _ = write!(
            json,
            r#"{{"mcps_version":"1.0","passport_id":"{}","agent":{{"name":{},"version":{},"capabilities":{}}},"public_key":{},"origin":{},"scan":{},"trust_level":{},"issued_at":"{}","expires_at":"{}","issuer":{}"#,
            self.id,
            quoted(&self.agent_name),
            quoted(&self.agent_version),
            array(&self.capabilities),
            self.public_key.to_jwk(),
            self.origin
                .as_deref()
                .map_or_else(|| "null".to_owned(), quoted),
            self.scan_json.as_deref().unwrap_or("null"),
            self.trust_level.number(),
            self.issued_at,
            self.expires_at,
            quoted(&self.issuer),
        );
        let chain: Vec<String> = self
            .issuer_chain
            .iter()
            .map(|parent| STANDARD.encode(parent.text()))
            .collect();
        let _ = write!(json, r#","issuer_chain":{}"#, array(&chain));
        if let Some(rotation) = &self.key_rotation {
            let _ = write!(
                json,
                r#","key_rotation":{{"previous_key_hash":{},"rotated_at":"{}"}}"#,
                quoted(&rotation.previous_key_hash),
                rotation.rotated_at,
            );
        }
        if let Some(ext) = &self.ext {
            let _ = write!(json, r#","ext":{}"#, self.ext_json(ext));
        }
        json.push('}');
        Ok(jcs::to_string(Document::parse(json)?.root()))
    }

    fn ext_json(&self, ext: &Ext) -> String {
        let mut json = format!(
            r#"{{"kid":"{}","tenant":{},"kind":"{}","owner":{}"#,
            self.public_key.key_id(),
            quoted(&ext.tenant),
            ext.kind,
            quoted(&ext.owner),
        );
        if let Some(ca) = &ext.ca {
            json.push_str(r#","ca":"#);
            ca.write(&mut json);
        }
        if let Some(status) = &ext.status {
            let _ = write!(
                json,
                r#","status":{{"status_list":{{"idx":{},"uri":{}}}}}"#,
                status.index,
                quoted(&status.uri),
            );
        }
        json.push('}');
        json
    }

    /// Both steps at once, where nothing has to be stored in between.
    ///
    /// # Errors
    /// As [`Passport::assemble`]; [`Refusal::Passport`] when the signer fails.
    pub fn sign(&self, signer: &dyn Signer) -> Result<Passport, Refusal> {
        let bytes = self.to_be_signed()?;
        let signature = signer.sign(&Digest::of(bytes.as_bytes()));
        Passport::assemble(
            &bytes,
            &signature.map_err(|_| Refusal::Passport("the signer failed"))?,
        )
    }
}

impl Passport {
    /// Puts a signature to the bytes that were signed and reads the result back, so that what
    /// leaves has passed the rules of those who receive it.
    ///
    /// # Errors
    /// As [`Passport::parse`].
    pub fn assemble(to_be_signed: &str, signature: &Signature) -> Result<Passport, Refusal> {
        let body = to_be_signed
            .strip_suffix('}')
            .ok_or(Refusal::Passport("not a JSON object"))?;
        Passport::parse(&format!(
            r#"{body},"signature":"{}"}}"#,
            signature.to_base64()
        ))
    }
}
