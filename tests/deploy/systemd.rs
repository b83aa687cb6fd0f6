//! `deploy/systemd`: the profile beside the unit.

use cofferdam_testing::cofferdam;
use cofferdam_testing::deploy::{deploy, text_of};

#[test]
fn the_profile_beside_the_unit_is_right_and_finds_its_credentials() {
    let output =
        cofferdam().args(["profile", "check", "--profile"]).arg(deploy("systemd/profile.toml")).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let unit = text_of("systemd/cofferdam.service");
    let profile = text_of("systemd/profile.toml");
    let named: Vec<&str> = profile
        .lines()
        .filter_map(|line| line.split("/run/credentials/cofferdam.service/").nth(1)?.split('"').next())
        .collect();
    assert_eq!(named.len(), 2, "{named:?}");
    for name in named {
        assert!(unit.contains(&format!("LoadCredentialEncrypted={name}:")), "the unit does not load {name}");
    }
}
