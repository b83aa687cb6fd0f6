//! `.env` files: what is in a file concerns its own variable only.

use cofferdam_config::Diagnostics;
use cofferdam_vault::{Stage, Vault};
use cofferdam_vault_env::Config;

use crate::CANARY;
use crate::vault::open;

/// A value that must be quoted.
const QUOTED: &str = "a \"b\" #c\n\\d";

/// A variable before any text and one after it have their values, and no message quotes the text.
pub fn dotenv(data: &[u8]) {
    // A later assignment would win, and UTF-16 is not read.
    let text = String::from_utf8_lossy(data).replace("FUZZ", "FUZ-");
    let (before, after) = ("FUZZ_TOKEN=\"a \\\"b\\\" #c\\n\\\\d\"\n", "\nFUZZ_LAST_TOKEN=#last\n");
    let folder = tempfile::tempdir().unwrap();
    let content = [before.as_bytes(), text.as_bytes(), &data[..data.len().min(1)], after.as_bytes()].concat();
    std::fs::write(folder.path().join(".env"), &content).unwrap();
    let vault = open::<Config>("dotenv = '.env'", folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        assert_eq!(read(&*vault, "fuzz/default").await.as_deref(), Ok(QUOTED));
        assert_eq!(read(&*vault, "fuzz/last").await.as_deref(), Ok("#last"));
        let mut found = Diagnostics::new();
        vault.diagnose(&[], &[], &mut found).await;
        let messages = format!("{found} {:?} {vault:?}", read(&*vault, "any/other").await);
        assert!(!messages.contains(CANARY), "{messages}");
    });
}

/// The field `token`, or the message of the error.
async fn read(vault: &dyn Vault, at: &str) -> Result<String, String> {
    let (path, field) = (at.parse().unwrap(), "token".parse().unwrap());
    match vault.read(&path, std::slice::from_ref(&field), Stage::Current).await {
        Ok(secret) => Ok(secret.expose(&field).unwrap().to_owned()),
        Err(error) => Err(format!("{error:?}")),
    }
}
