mod known_cases;
mod reference;

use super::*;

const SECRET: &str = "s3cr/t+\"q&é='x' ~Zy";
const TOKEN: &str =
    "github_pat_11AAAAAAA0fkB1VhN7jHqZ_aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789abcdefghijklmnopqrstuvw";

fn joined(bytes: &[u8], separator: &str, write: impl Fn(&u8) -> String) -> String {
    bytes.iter().map(write).collect::<Vec<_>>().join(separator)
}
