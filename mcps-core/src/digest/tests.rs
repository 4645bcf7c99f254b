use super::{BUFFER_LEN, Digest, Hasher};

/// FIPS 180-4's example "abc".
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[test]
fn shows_and_reads_lower_case_hexadecimal() {
    let digest = Digest::of(b"abc");
    assert_eq!(digest.to_string(), ABC);
    assert_eq!(format!("{digest:?}"), format!("Digest({ABC})"));
    assert_eq!(Digest::from_hex(ABC), Some(digest));
    assert_eq!(Digest::from_bytes(*digest.as_bytes()), digest);
}

#[test]
fn refuses_other_hexadecimal() {
    let upper = ABC.to_uppercase();
    let long = format!("{ABC}00");
    let odd = format!("{ABC}0");
    let strange = ABC.replace("ba", "bg");
    let wide = format!("é{}", &ABC[2..]);
    for text in [
        "",
        &ABC[..62],
        &ABC[..63],
        &upper,
        &long,
        &odd,
        &strange,
        &wide,
        " ",
    ] {
        assert_eq!(Digest::from_hex(text), None, "{text}");
    }
}

#[test]
fn pieces_of_any_size_hash_as_the_whole() {
    let whole: Vec<u8> = (0..BUFFER_LEN * 5).map(|n| (n * 7 % 251) as u8).collect();
    for len in [
        0,
        1,
        63,
        64,
        BUFFER_LEN - 1,
        BUFFER_LEN,
        BUFFER_LEN + 1,
        whole.len(),
    ] {
        for size in [
            1,
            7,
            100,
            BUFFER_LEN / 2,
            BUFFER_LEN - 1,
            BUFFER_LEN,
            BUFFER_LEN + 1,
            3000,
        ] {
            let mut hasher = Hasher::new();
            for piece in whole[..len].chunks(size) {
                hasher.put(piece);
                hasher.put(b"");
            }
            assert_eq!(
                hasher.finish(),
                Digest::of(&whole[..len]),
                "{len} in pieces of {size}"
            );
        }
    }
}

#[test]
fn small_after_large_keeps_its_place() {
    for (first, second, third) in [
        (10, 2000, 10),
        (1000, 30, 1020),
        (1020, 500, 600),
        (2000, 1, 2000),
    ] {
        let pieces = [vec![1; first], vec![2; second], vec![3; third]];
        let mut hasher = Hasher::new();
        pieces.iter().for_each(|piece| hasher.put(piece));
        assert_eq!(hasher.finish(), Digest::of(&pieces.concat()));
    }
}

#[test]
fn compares_as_equality_does() {
    let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
    assert!(one.is_same(&Digest::of(b"one")) && !one.is_same(&other));
}
