//! A Status List Token: the list in a JWT, signed by the authority's status key (§5.1).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{StatusList, StatusListError};
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::json::{Document, Limits, Value, quote};
use crate::signature::Signature;
use crate::signer::Signer;
use crate::trust::{KeyUse, TrustBundle};

/// The type of the token, in its header and, after `application/`, of an answer that is one.
pub const TYPE: &str = "statuslist+jwt";
/// Largest token that is read.
pub const MAX_TOKEN_BYTES: usize = 4 << 20;

/// A list, whose it is, and when it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusListToken {
    /// `sub`: the address under which it is fetched.
    pub uri: String,
    /// `iat`, in seconds.
    pub issued_at: Timestamp,
    /// `exp`: from when on it is worth nothing.
    pub expires_at: Timestamp,
    /// `ttl`: after how many seconds there may be a newer one.
    pub ttl_s: u64,
    /// The list.
    pub list: StatusList,
}

impl StatusListToken {
    /// The compact JWT (RFC 7515 §3.1), signed with ES256.
    ///
    /// # Errors
    /// [`StatusListError::Signer`].
    pub fn sign(&self, signer: &dyn Signer) -> Result<String, StatusListError> {
        let kid = signer.public_key().key_id();
        let header = format!(r#"{{"alg":"ES256","kid":"{kid}","typ":"{TYPE}"}}"#);
        let mut claims = String::from(r#"{"sub":"#);
        quote(&self.uri, &mut claims);
        let seconds = |at: Timestamp| at.as_millis().div_euclid(1000);
        claims.push_str(&format!(
            r#","iat":{},"exp":{},"ttl":{},"status_list":{{"bits":{},"lst":"{}"}}}}"#,
            seconds(self.issued_at),
            seconds(self.expires_at),
            self.ttl_s,
            self.list.bits(),
            self.list.to_lst(),
        ));
        let mut token = URL_SAFE_NO_PAD.encode(header);
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(claims));
        let signature = signer.sign(&Digest::of(token.as_bytes()));
        let signature = signature.map_err(|_| StatusListError::Signer)?;
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(signature.as_bytes()));
        Ok(token)
    }

    /// Reads the token of the list at `uri` and believes it only if a good status key of `bundle`
    /// signed it, and its time has come and is not over (§8.3).
    ///
    /// # Errors
    /// [`StatusListError`] saying what is wrong.
    pub fn verify(
        token: &str,
        uri: &str,
        bundle: &TrustBundle,
        now: Timestamp,
    ) -> Result<Self, StatusListError> {
        let form = StatusListError::Form;
        if token.len() > MAX_TOKEN_BYTES {
            return Err(StatusListError::TooLarge);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(form("the token"))?;
        let (header, claims) = signed.split_once('.').ok_or(form("the token"))?;
        let header = part(header)?;
        let text = |name: &str| header.root().get(name).and_then(Value::as_str);
        if text("typ").as_deref() != Some(TYPE) || text("alg").as_deref() != Some("ES256") {
            return Err(form("typ or alg"));
        }
        // What must be understood is not.
        if header.root().get("crit").is_some() {
            return Err(form("crit"));
        }
        let kid = text("kid").ok_or(form("kid"))?;
        let mut keys = bundle.usable(KeyUse::Status);
        let key = keys.find(|key| key.public_key.key_id().as_str() == kid);
        let key = key.ok_or(StatusListError::ForeignKey)?;
        let bad = |_| StatusListError::BadSignature;
        let bytes = URL_SAFE_NO_PAD.decode(signature).map_err(bad)?;
        let bytes = bytes
            .try_into()
            .map_err(|_| StatusListError::BadSignature)?;
        let signature = Signature::from_bytes(bytes).to_low_s();
        let signature = signature.map_err(|_| StatusListError::BadSignature)?;
        key.public_key
            .verify(&Digest::of(signed.as_bytes()), &signature)
            .map_err(|_| StatusListError::BadSignature)?;

        let claims = part(claims)?;
        let root = claims.root();
        let number = |name: &'static str| {
            let number = root.get(name).and_then(Value::as_i64);
            number.ok_or(form(name))
        };
        let instant = |seconds: i64, name: &'static str| {
            let millis = seconds.checked_mul(1000).ok_or(form(name))?;
            Ok::<_, StatusListError>(Timestamp::from_millis(millis))
        };
        let found = root.get("sub").and_then(Value::as_str);
        if found.as_deref() != Some(uri) {
            return Err(StatusListError::OtherList);
        }
        let issued_at = instant(number("iat")?, "iat")?;
        let expires_at = instant(number("exp")?, "exp")?;
        // Seconds are rounded down.
        if expires_at <= now || issued_at > now {
            return Err(StatusListError::Expired);
        }
        let list = root.get("status_list").ok_or(form("status_list"))?;
        let bits = list.get("bits").and_then(Value::as_i64);
        let bits = bits.and_then(|bits| u8::try_from(bits).ok());
        let lst = list.get("lst").and_then(Value::as_str);
        let (bits, lst) = bits.zip(lst).ok_or(form("status_list"))?;
        Ok(Self {
            uri: uri.to_owned(),
            issued_at,
            expires_at,
            ttl_s: number("ttl")?.unsigned_abs(),
            list: StatusList::from_lst(bits, &lst)?,
        })
    }
}

fn part(text: &str) -> Result<Document, StatusListError> {
    let form = StatusListError::Form("the token");
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| form)?;
    let limits = Limits {
        bytes: MAX_TOKEN_BYTES,
        depth: 4,
    };
    Document::parse_with(bytes, limits).map_err(|_| form)
}
