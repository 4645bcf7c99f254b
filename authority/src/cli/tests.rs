//! What holds for every command there is, from clap's own tree.

use super::tree;

#[test]
fn every_command_says_what_it_does_with_examples_and_exit_codes() {
    assert_eq!(mcps_manual::gaps(&tree()), Vec::<String>::new());
}
