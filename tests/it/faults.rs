//! What becomes of the authority when processes die, databases stop and clocks go wrong, seen from
//! the outside: through its interface and its feed alone. The tests are short; `make chaos` runs
//! the same for long (docs/faults.md).

mod cut;
mod database;
mod followers;
mod ground;
mod kills;
mod ledger;
mod load;
mod replicas;
mod topology;
mod tricks;

use ground::Ground;
use ledger::Ledger;

/// How much longer `make chaos` is: 1 in the suite.
fn scale() -> usize {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test's environment says how long it may take"
    )]
    let scale = std::env::var("MCPS_CHAOS").ok();
    scale.map_or(1, |scale| scale.parse().unwrap())
}

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        // Numerical Recipes' constants; the high bits are the good ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}
