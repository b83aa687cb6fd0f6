//! `.env` files: what is in a file concerns its own variable only.

use cofferdam_config::Diagnostics;
use cofferdam_vault::{Stage, Vault};
use cofferdam_vault_env::Config;

use crate::vault::open;
use crate::{CANARY, with_canaries};

/// A variable before any text and one after it have their values, any value that is quoted is read as it is, and no message
/// quotes the text.
pub fn dotenv(data: &[u8]) {
    let data = with_canaries(data);
    // A later assignment would win, and UTF-16 is not read.
    let text = String::from_utf8_lossy(&data).replace("FUZZ", "FUZ-");
    // An empty value is none.
    let value = format!("v{text}");
    let assignment = format!("FUZZ_TOKEN=\"{}\"\n", value.replace('\\', "\\\\").replace('"', "\\\""));
    let after = "\nFUZZ_LAST_TOKEN=#last\n";
    let content =
        [assignment.as_bytes(), text.as_bytes(), &data[..data.len().min(1)], after.as_bytes()].concat();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), &content).unwrap();
    let vault = open::<Config>("dotenv = '.env'", folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        assert_eq!(read(&*vault, "fuzz/default").await, Ok(value));
        assert_eq!(read(&*vault, "fuzz/last").await.as_deref(), Ok("#last"));
        let mut found = Diagnostics::new();
        vault.diagnose(&[], &[], &mut found).await;
        let messages = format!("{found} {:?} {vault:?}", read(&*vault, "any/other").await.err());
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
