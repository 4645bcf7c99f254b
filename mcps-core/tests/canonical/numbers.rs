//! Numbers as ECMAScript writes them.

use std::fmt::Write as _;

use mcps_core::digest::{Digest, Hasher};
use mcps_core::jcs;
use mcps_core::json::Document;

use crate::canonical;

/// The values the corpus starts with, from `testdata/numgen.js` of
/// github.com/cyberphone/json-canonicalization (Apache-2.0).
const STATIC: &str = include_str!("es6_static.txt");

/// The corpus that RFC 8785 Appendix B refers to: bit patterns in the published order. First a
/// list, then 2,000 neighbours from the smallest normal number on, then what comes of hashing 32
/// zero bytes over and over, without zeros and what is not finite.
fn corpus() -> impl Iterator<Item = u64> {
    let listed = STATIC
        .split_whitespace()
        .map(|bits| u64::from_str_radix(bits, 16).unwrap());
    let serial = (0..2000).map(|step| 0x0010_0000_0000_0000 + step);
    let first = *Digest::of(&[0; 32]).as_bytes();
    let chained = std::iter::successors(Some(first), |block| Some(*Digest::of(block).as_bytes()))
        .flat_map(|block| {
            let (words, _) = block.as_chunks::<8>();
            words
                .iter()
                .map(|word| u64::from_le_bytes(*word))
                .collect::<Vec<_>>()
        })
        .filter(|&bits| f64::from_bits(bits).is_finite() && f64::from_bits(bits) != 0.0);
    listed.chain(serial).chain(chained)
}

/// A double in a notation of ours; the shortest that reads back as the same double.
fn notation(bits: u64) -> String {
    format!("{:e}", f64::from_bits(bits))
}

#[test]
fn writes_a_million_numbers_of_the_es6_corpus() {
    let mut lines = String::new();
    let mut hashes = Vec::new();
    let mut hasher = Hasher::new();
    for (position, bits) in (1..=1_000_000).zip(corpus()) {
        lines.clear();
        let number = Document::parse(notation(bits)).unwrap();
        writeln!(lines, "{bits:x},{}", jcs::to_string(number.root())).unwrap();
        hasher.put(lines.as_bytes());
        if [1_000, 100_000, 1_000_000].contains(&position) {
            hashes.push(hasher.clone().finish().to_string());
        }
    }
    let published = [
        "be18b62b",
        "22776e6d4b49fa294a0d0f349268e5c28808fe7e0cb2bcbe28f63894e494d4c7",
        "49415fee",
    ];
    assert_eq!(hashes.len(), published.len());
    for (hash, published) in hashes.iter().zip(published) {
        assert!(hash.starts_with(published), "{hash} is not {published}");
    }
}

/// RFC 8785 Appendix B.
#[test]
fn writes_the_samples_of_appendix_b() {
    let samples = [
        (0x0000_0000_0000_0000, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0xc340_0000_0000_0000, "-9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5554, "333333333.33333325"),
        (0x41b3_de43_5555_5555, "333333333.3333333"),
        (0x41b3_de43_5555_5556, "333333333.3333334"),
        (0x41b3_de43_5555_5557, "333333333.33333343"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
    ];
    for (bits, expected) in samples {
        assert_eq!(canonical(&notation(bits)), expected);
    }
}

#[test]
fn writes_one_form_for_every_notation_of_a_number() {
    let table = [
        (
            "0",
            &["-0", "0.0", "-0.0", "0e5", "0E-9", "-0e+0", "1e-400"][..],
        ),
        (
            "1",
            &[
                "1.0",
                "1e0",
                "10e-1",
                "0.1e1",
                "1E+0",
                "1.000000000000000000000000001",
            ],
        ),
        ("-1", &["-1.0", "-1e0"]),
        ("1.5", &["1.50", "15e-1", "0.15E1"]),
        ("0.000001", &["1e-6", "0.0000010"]),
        ("1e-7", &["0.0000001", "0.00000010", "10e-8"]),
        ("-0.00001234", &["-1.234e-5", "-0.000012340"]),
        ("123456789012345.6", &["1.234567890123456e14"]),
        (
            "0.1",
            &[
                "0.10000000000000000001",
                "0.1000000000000000055511151231257827",
            ],
        ),
        ("0.30000000000000004", &["0.300000000000000044"]),
        (
            "123456.78901234567",
            &["123456.789012345670", "123456.78901234567890"],
        ),
        (
            "9007199254740991",
            &["9007199254740991.0", "9.007199254740991e15"],
        ),
        ("1e+21", &["1e21", "1000e18"]),
        ("100000000000000000000", &["1e20"]),
        ("5e-324", &["4.9406564584124654e-324", "3e-324"]),
        ("1.7976931348623157e+308", &["1.7976931348623158e308"]),
    ];
    for (expected, notations) in table {
        for notation in notations {
            assert_eq!(canonical(notation), expected, "{notation}");
        }
    }
}
