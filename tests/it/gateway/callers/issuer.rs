//! An issuer of access tokens on this machine: it publishes its keys, counts who asks for them, and
//! signs what the test wants. Tokens are made by hand, so that what the gateway reads is held against
//! what was not written by the same library.

use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SecureRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcps_core::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::wire::Asked;

/// The present, in seconds.
pub(crate) fn now_s() -> i64 {
    SystemClock.now().as_millis() / 1000
}

fn coded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A key that signs tokens.
pub(crate) enum Signer {
    Ec(String, Box<EcdsaKeyPair>),
    Rsa(String, Box<RsaKeyPair>),
}

impl Signer {
    pub(crate) fn ec(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self::Ec(kid.to_owned(), Box::new(pair))
    }

    pub(crate) fn rsa(kid: &str) -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        Self::Rsa(kid.to_owned(), Box::new(pair))
    }

    /// Its public half, as it is published.
    pub(crate) fn jwk(&self) -> Value {
        match self {
            Self::Ec(kid, pair) => {
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig",
                    "x": coded(&point[1..33]), "y": coded(&point[33..])})
            }
            Self::Rsa(kid, pair) => {
                let key = pair.public_key();
                json!({"kty": "RSA", "kid": kid, "alg": "RS256",
                    "n": coded(key.modulus().big_endian_without_leading_zero()),
                    "e": coded(key.exponent().big_endian_without_leading_zero())})
            }
        }
    }

    fn sign(&self, text: &[u8]) -> Vec<u8> {
        #[expect(clippy::disallowed_methods, reason = "the issuer is nobody of ours")]
        let random = aws_lc_rs::rand::SystemRandom::new();
        random.fill(&mut [0; 1]).unwrap();
        match self {
            Self::Ec(_, pair) => pair.sign(&random, text).unwrap().as_ref().to_vec(),
            Self::Rsa(_, pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, text, &mut signature)
                    .unwrap();
                signature
            }
        }
    }

    /// A token of these claims.
    pub(crate) fn token(&self, claims: &Value) -> String {
        let (alg, kid) = match self {
            Self::Ec(kid, _) => ("ES256", kid),
            Self::Rsa(kid, _) => ("RS256", kid),
        };
        self.token_saying(&json!({"alg": alg, "kid": kid, "typ": "at+jwt"}), claims)
    }

    /// The same, whatever its header says.
    pub(crate) fn token_saying(&self, header: &Value, claims: &Value) -> String {
        let signed = format!(
            "{}.{}",
            coded(header.to_string()),
            coded(claims.to_string())
        );
        let signature = self.sign(signed.as_bytes());
        format!("{signed}.{}", coded(signature))
    }
}

#[derive(Default)]
struct State {
    keys: Vec<Value>,
    down: bool,
    fetched: usize,
}

/// The issuer.
pub(crate) struct Issuer {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
    serving: JoinHandle<()>,
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Issuer {
    /// One that publishes the keys of these.
    pub(crate) async fn of(signers: &[&Signer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state: Arc<Mutex<State>> = Arc::default();
        let (told, own) = (Arc::clone(&state), url.clone());
        #[expect(
            clippy::disallowed_methods,
            reason = "the issuer owns its task and ends it"
        )]
        let serving = tokio::spawn(async move {
            let mut tasks = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let (state, own) = (Arc::clone(&told), own.clone());
                tasks.spawn(async move {
                    let asked = Asked::read(socket).await;
                    let answer = {
                        let mut state = state.lock().unwrap();
                        match asked.path.as_str() {
                            "/.well-known/openid-configuration" => {
                                json!({"issuer": own, "jwks_uri": format!("{own}/keys")})
                            }
                            "/keys" => {
                                state.fetched += 1;
                                match state.down {
                                    true => Value::Null,
                                    false => json!({"keys": state.keys}),
                                }
                            }
                            _ => Value::Null,
                        }
                    };
                    match answer.is_null() {
                        true => asked.empty(503, "").await,
                        false => asked.json(200, "", &answer.to_string()).await,
                    }
                });
            }
        });
        let issuer = Self {
            url,
            state,
            serving,
        };
        issuer.publish(signers);
        issuer
    }

    /// Publishes the keys of these and no others.
    pub(crate) fn publish(&self, signers: &[&Signer]) {
        let keys = signers.iter().map(|signer| signer.jwk());
        self.state.lock().unwrap().keys = keys.collect();
    }

    /// Answers no more, or again.
    pub(crate) fn is_down(&self, down: bool) {
        self.state.lock().unwrap().down = down;
    }

    /// How often its keys were asked for.
    pub(crate) fn fetched(&self) -> usize {
        self.state.lock().unwrap().fetched
    }

    /// What a good token of its says.
    pub(crate) fn claims(&self) -> Value {
        let now = now_s();
        json!({"iss": self.url, "aud": "https://gw.example/mcp", "sub": "ann", "org": "acme",
            "iat": now, "nbf": now, "exp": now + 300})
    }

    /// How a gateway's configuration has it.
    pub(crate) fn stanza(&self, more: &str) -> String {
        format!(
            "[[oidc]]\nissuer = \"{}\"\naudience = \"https://gw.example/mcp\"\n{more}\n",
            self.url
        )
    }
}
