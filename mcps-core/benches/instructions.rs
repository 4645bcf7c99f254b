//! One operation, so many times, for `scripts/instructions`, which counts its instructions under
//! callgrind: `instructions OPERATION TIMES`. Without arguments it lists the operations.
//!
//! Sealing and opening are counted without the ECDSA operation itself, which is another library's.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and stops when something is wrong"
)]

use std::hint::black_box;

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::envelope::{self, Carrier, Fields, Sealed};
use mcps_core::jcs;
use mcps_core::json::Document;
use mcps_core::key::{PublicKey, SecretKey};
use mcps_core::message::Message;
use mcps_core::passport::PassportId;
use mcps_core::random::SeededRandom;
use mcps_core::signature::Signature;
use mcps_core::signer::{Signer, SignerError};

/// Gives one signature to everything.
#[derive(Debug)]
struct Stamp {
    public: PublicKey,
    signature: Signature,
}

impl Signer for Stamp {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, _: &Digest) -> Result<Signature, SignerError> {
        Ok(self.signature)
    }
}

fn fields() -> Fields {
    let stamped = Timestamp::from_millis(1_795_262_400_000);
    Fields {
        passport_id: PassportId::generate(&SeededRandom::new(1)).unwrap(),
        timestamp: stamped.to_string(),
        stamped,
        nonce: "00112233445566778899aabbccddeeff".to_owned(),
        aud: "https://server.example/mcp".to_owned(),
        session: "ffeeddccbbaa99887766554433221100".to_owned(),
        passport: None,
        req: None,
        position: None,
        last: false,
        act: None,
        ath: None,
    }
}

/// A `tools/call` of about so many bytes, its members as an SDK writes them: not in order.
fn call(bytes: usize) -> String {
    let line = "What a line of a document looks like, about this long.\\n";
    let text = line.repeat(bytes / line.len());
    format!(
        r#"{{"method":"tools/call","params":{{"name":"write","arguments":{{"path":"/notes/é","n":[1,2.5],"text":"{text}"}}}},"jsonrpc":"2.0","id":17}}"#
    )
}

/// Takes the message as it was written, and as it was sealed.
type Operation = fn(&str, &str, &Stamp);

const OPERATIONS: [(&str, Operation); 5] = [
    ("parse", |text, _, _| {
        black_box(Message::parse(text).unwrap());
    }),
    ("hash", |text, _, _| {
        black_box(jcs::digest(Document::parse(text).unwrap().root()));
    }),
    ("seal", |text, _, signer| {
        let message = Message::parse(text).unwrap();
        black_box(envelope::seal(message, Carrier::Native, &fields(), signer).unwrap());
    }),
    ("read", |_, sealed, _| {
        let message = Message::parse(sealed).unwrap();
        black_box(Sealed::read(message, Carrier::Native).unwrap());
    }),
    ("open", |_, sealed, _| {
        let message = Message::parse(sealed).unwrap();
        let sealed = Sealed::read(message, Carrier::Native).unwrap();
        black_box(sealed.strip().unwrap());
    }),
];

const SIZES: [(&str, usize); 3] = [("small", 60), ("4k", 4 << 10), ("64k", 64 << 10)];

fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench");
    let (Some(wanted), Some(times)) = (arguments.next(), arguments.next()) else {
        for (operation, _) in OPERATIONS {
            for (size, _) in SIZES {
                println!("{operation}-{size}");
            }
        }
        return;
    };
    let key = SecretKey::generate(&SeededRandom::new(1)).unwrap();
    // Any 64 bytes do: nothing verifies them, and a real one would bring the seeding of a generator.
    let signature = Signature::from_bytes([1; 64]);
    let stamp = Stamp {
        public: key.public_key().clone(),
        signature,
    };
    for (operation, run) in OPERATIONS {
        for (size, bytes) in SIZES {
            if wanted == format!("{operation}-{size}") {
                let text = call(bytes);
                let message = Message::parse(text.as_str()).unwrap();
                let sealed = envelope::seal(message, Carrier::Native, &fields(), &stamp)
                    .unwrap()
                    .text;
                for _ in 0..times.parse::<u32>().unwrap() {
                    run(black_box(&text), black_box(&sealed), &stamp);
                }
            }
        }
    }
}
