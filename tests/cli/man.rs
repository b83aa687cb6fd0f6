//! `man`: a folder that cannot be written. The pages themselves are tested in `tests/real/cli`.

use cofferdam_testing::{TWO_VAULTS, TestEnv};

#[test]
fn a_folder_that_cannot_be_created_is_reported() {
    let env = TestEnv::new(TWO_VAULTS);
    env.write("taken", "");
    let output = env.run(&["man", "--out", "taken", "--json"]).expect(1);
    assert!(output.json()["error"]["message"].as_str().unwrap().contains("taken"), "{output:#?}");
}
