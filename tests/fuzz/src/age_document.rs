//! age files: damaged ones, and plaintexts that a person has edited.

use std::sync::LazyLock;

use age::x25519::Identity;
use cofferdam_vault::{
    ErrorKind, Expect, ExposeSecret as _, SecretFields, SecretPath, Stage, Vault, VaultError,
};
use cofferdam_vault_age::Config;

use crate::CANARY;
use crate::vault::open;

static IDENTITY: LazyLock<Identity> = LazyLock::new(Identity::generate);

/// Where the secret is that no other text may change.
const KNOWN: &str = "[\"fuzz/known\"]\ntoken = \"known\"\n";

/// The known secret keeps its value, or is reported as invalid; no message quotes the plaintext; and what is written is
/// read, with everything that was readable before.
pub fn age_document(data: &[u8]) {
    let Some((&kind, data)) = data.split_first() else { return };
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| std::fs::write(folder.path().join(name), content).unwrap();
    write("key.txt", IDENTITY.to_string().expose_secret().as_bytes());
    let plaintext = [KNOWN.as_bytes(), data].concat();
    match kind % 4 {
        0 => write("v.age", data),
        _ => write("v.age", &age::encrypt(&IDENTITY.to_public(), &plaintext).unwrap()),
    }
    let vault = open::<Config>("file = 'v.age'\nidentity_file = 'key.txt'", folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let known = read(&*vault, "fuzz/known").await;
        match &known {
            Ok(value) => assert_eq!(value, "known"),
            Err(error) => assert!(
                matches!(error.kind(), ErrorKind::Malformed | ErrorKind::Misconfigured | ErrorKind::NotFound),
                "{error}"
            ),
        }
        let other = read(&*vault, "any/other").await.err();
        let listed = vault.list(None, None).await.map(|page| page.paths);
        let messages = format!("{:?} {other:?} {:?}", known.as_ref().err(), listed.as_ref().err());
        assert!(!messages.contains(CANARY), "{messages}");
        // Each write waits for the disk.
        if kind == 1 {
            write_and_read(&*vault, known.ok()).await;
        }
    });
}

async fn write_and_read(vault: &dyn Vault, known: Option<String>) {
    let at: SecretPath = "fuzz/new".parse().unwrap();
    let fields: SecretFields = [("token".parse().unwrap(), "new \"'\n#".into())].into();
    if vault.write(&at, &fields, Expect::Any).await.is_err() {
        return;
    }
    assert_eq!(read(vault, "fuzz/new").await.ok().as_deref(), Some("new \"'\n#"));
    assert_eq!(read(vault, "fuzz/known").await.ok(), known);
}

async fn read(vault: &dyn Vault, at: &str) -> Result<String, VaultError> {
    let (path, field) = (at.parse().unwrap(), "token".parse().unwrap());
    let secret = vault.read(&path, std::slice::from_ref(&field), Stage::Current).await?;
    Ok(secret.expose(&field).unwrap().to_owned())
}
