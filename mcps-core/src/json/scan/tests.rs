use proptest::prelude::*;

use super::{is_special, special};

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![20 => 0x20_u8.., 1 => any::<u8>(), 1 => Just(b'"'), 1 => Just(b'\\')];
    prop::collection::vec(byte, 0..100)
}

proptest! {
    #[test]
    fn finds_the_first_special_byte(bytes in bytes(), from in 0_usize..100) {
        let from = from.min(bytes.len());
        let found = bytes[from..].iter().position(|byte| is_special(*byte));
        prop_assert_eq!(special(&bytes, from), found.map_or(bytes.len(), |at| from + at));
    }
}

#[test]
fn knows_every_byte_at_every_place() {
    for byte in 0..=255 {
        let expected = matches!(byte, 0..=0x1F | 0x22 | 0x5C);
        for at in 0..19 {
            let mut bytes = [0xC3; 19];
            bytes[at] = byte;
            assert_eq!(special(&bytes, 0), if expected { at } else { bytes.len() });
        }
    }
}
