use std::collections::BTreeSet;

use super::{Random, RandomError, SeededRandom, SystemRandom, hex16};

#[test]
fn a_seed_repeats_itself_and_differs_from_others() {
    let draw = |seed| {
        let random = SeededRandom::new(seed);
        let mut bytes = [0; 100];
        random.fill(&mut bytes).unwrap();
        (bytes, hex16(&random).unwrap())
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
    assert_ne!(draw(1).0[..32], draw(1).0[32..64]);
}

#[test]
fn the_system_does_not_repeat_itself() {
    let seen: BTreeSet<String> = (0..1000).map(|_| hex16(&SystemRandom).unwrap()).collect();
    assert_eq!(seen.len(), 1000);
    assert!(
        seen.iter()
            .all(|hex| hex.len() == 32
                && hex.bytes().all(|byte| b"0123456789abcdef".contains(&byte)))
    );
}

#[test]
fn a_failing_source_is_an_error_and_never_a_weak_value() {
    #[derive(Debug)]
    struct Broken;
    impl Random for Broken {
        fn fill(&self, _: &mut [u8]) -> Result<(), RandomError> {
            Err(RandomError)
        }
    }
    assert_eq!(hex16(&Broken).unwrap_err(), RandomError);
    assert_eq!(
        crate::passport::PassportId::generate(&Broken).unwrap_err(),
        RandomError
    );
    assert!(crate::key::SecretKey::generate(&Broken).is_err());
}
