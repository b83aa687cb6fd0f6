//! The second table of the example `blast-radius` in small: one attack. `isolation` has them all.

use cofferdam_testing::attacks::{Attack, AttackPlan, Fixture, measure};
use cofferdam_testing::{Program, program};

#[tokio::test(flavor = "multi_thread")]
async fn an_attack_can_be_measured() {
    let program = Program(program().to_owned());
    let fixture = Fixture::start().await.unwrap();
    let outcome = measure(&fixture, &program, &AttackPlan::quick(), Attack::SerializedCalls).await.unwrap();
    println!("{outcome:#?}");
    assert!(outcome.comparison.kept(), "{:#?}", outcome.comparison.promises);
    assert!(
        outcome.comparison.ratio().is_finite() && outcome.comparison.noise().is_finite(),
        "{:#?}",
        outcome.comparison.runs
    );
}
