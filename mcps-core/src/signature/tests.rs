use super::{HALF_ORDER, Signature};
use crate::digest::Digest;
use crate::fixture::key;
use crate::refusal::Refusal;
use crate::signer::Signer as _;

fn with_s(s: [u8; 32]) -> Signature {
    let mut bytes = [1; 64];
    bytes[32..].copy_from_slice(&s);
    Signature::from_bytes(bytes)
}

#[test]
fn half_the_order_is_the_largest_low_s() {
    assert!(with_s([0; 32]).is_low_s());
    assert!(with_s(HALF_ORDER).is_low_s());
    let mut above = HALF_ORDER;
    above[31] += 1;
    assert!(!with_s(above).is_low_s());
    let mut high_byte = HALF_ORDER;
    high_byte[0] = 0x80;
    assert!(!with_s(high_byte).is_low_s());
    assert!(!with_s([0xff; 32]).is_low_s());
}

#[test]
fn the_twins_have_one_low_form_and_both_verify() {
    let digest = Digest::of(b"message");
    let low = key(1).sign(&digest).unwrap();
    let parts = p256::ecdsa::Signature::from_slice(low.as_bytes()).unwrap();
    let high = p256::ecdsa::Signature::from_scalars(parts.r(), -*parts.s()).unwrap();
    let high = Signature::from_bytes(high.to_bytes().into());
    assert!(low.is_low_s() && !high.is_low_s());
    assert_eq!(
        (low.to_low_s().unwrap(), high.to_low_s().unwrap()),
        (low, low)
    );
    for signature in [low, high] {
        key(1).public_key().verify(&digest, &signature).unwrap();
        key(1)
            .public_key()
            .cross_check(&digest, &signature)
            .unwrap();
    }
}

#[test]
fn what_is_above_the_order_has_no_low_form() {
    assert_eq!(
        with_s([0xff; 32]).to_low_s().unwrap_err(),
        Refusal::BadSignature
    );
    assert_eq!(
        Signature::from_bytes([0xff; 64]).to_low_s().unwrap_err(),
        Refusal::BadSignature
    );
}

/// Zero, the order itself and anything above are no scalars; both libraries refuse them.
#[test]
fn scalars_out_of_range_never_verify() {
    let order: [u8; 32] = {
        let mut order = HALF_ORDER;
        let mut carry = 1_u16; // n = 2 * half + 1
        for byte in order.iter_mut().rev() {
            carry += u16::from(*byte) * 2;
            *byte = carry.to_le_bytes()[0];
            carry >>= 8;
        }
        order
    };
    let digest = Digest::of(b"message");
    let good = key(1).sign(&digest).unwrap();
    let public = key(1);
    let public = public.public_key();
    for scalar in [[0; 32], order, [0xff; 32]] {
        for at in [0, 32] {
            let mut bytes = *good.as_bytes();
            bytes[at..at + 32].copy_from_slice(&scalar);
            let signature = Signature::from_bytes(bytes);
            assert_eq!(
                public.verify(&digest, &signature).unwrap_err(),
                Refusal::BadSignature
            );
            assert_eq!(
                public.cross_check(&digest, &signature).unwrap_err(),
                Refusal::BadSignature
            );
        }
    }
}

#[test]
fn debug_output_does_not_repeat_it() {
    let signature = key(1).sign(&Digest::of(b"x")).unwrap();
    assert_eq!(format!("{signature:?}"), "Signature(..)");
}
