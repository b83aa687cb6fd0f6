//! age files: damaged ones, and plaintexts that a person has edited.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use age::x25519::Identity;
use cofferdam_vault::{
    ErrorKind, Expect, ExposeSecret as _, FieldName, SecretFields, SecretPath, Stage, Vault, VaultError,
};
use cofferdam_vault_age::Config;

use crate::vault::open;
use crate::{CANARY, with_canaries};

static IDENTITY: LazyLock<Identity> = LazyLock::new(Identity::generate);

/// Where the secret is that no other text may change.
const KNOWN: &str = "[\"fuzz/known\"]\ntoken = \"known\"\n";

/// The known secret keeps its value, or is reported as invalid; every secret of a plaintext that is TOML is read, and no
/// other; no message quotes the plaintext; and what is written is read, with everything that was readable before.
pub fn age_document(data: &[u8]) {
    let Some((&kind, data)) = data.split_first() else { return };
    let data = with_canaries(data);
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| std::fs::write(folder.path().join(name), content).unwrap();
    write("key.txt", IDENTITY.to_string().expose_secret().as_bytes());
    let plaintext = [KNOWN.as_bytes(), &data].concat();
    let damaged = kind % 4 == 0;
    match damaged {
        true => write("v.age", &data),
        false => write("v.age", &age::encrypt(&IDENTITY.to_public(), &plaintext).unwrap()),
    }
    let vault = open::<Config>("file = 'v.age'\nidentity_file = 'key.txt'", folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let known = read(&*vault, "fuzz/known").await;
        match &known {
            Ok(fields) => assert_eq!(fields["token"], "known"),
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::Malformed | ErrorKind::Misconfigured), "{error}")
            }
        }
        assert!(!damaged || known.is_err(), "a file for another key");
        let other = read(&*vault, "any/other").await.err();
        let listed = paths(&*vault).await;
        let messages = format!("{:?} {other:?} {:?}", known.as_ref().err(), listed.as_ref().err());
        assert!(!messages.contains(CANARY), "{messages}");
        if let Some(document) = document(&plaintext).filter(|_| !damaged) {
            assert_eq!(listed.unwrap(), document.keys().cloned().collect::<Vec<_>>());
            for (at, expected) in &document {
                let found = read(&*vault, at.as_str()).await;
                assert_eq!(found.as_ref().ok(), expected.as_ref(), "{at}");
                let message = found.err().map(|error| format!("{error:?}")).unwrap_or_default();
                assert!(!message.replace(at.as_str(), "").contains(CANARY), "{message}");
            }
        }
        // Each write waits for the disk.
        if kind == 1 {
            write_and_read(&*vault, known.ok()).await;
        }
    });
}

/// The paths of all pages.
async fn paths(vault: &dyn Vault) -> Result<Vec<SecretPath>, VaultError> {
    let (mut paths, mut after) = (Vec::new(), None);
    loop {
        let page = vault.list(None, after.as_ref()).await?;
        paths.extend(page.paths);
        match page.next {
            None => return Ok(paths),
            next => after = next,
        }
    }
}

type Fields = BTreeMap<String, String>;

/// The secrets of a plaintext that is TOML, each with its fields if it is valid.
fn document(plaintext: &[u8]) -> Option<BTreeMap<SecretPath, Option<Fields>>> {
    let table: toml::Table = toml::from_str(std::str::from_utf8(plaintext).ok()?).ok()?;
    let secrets = table.into_iter().filter_map(|(key, value)| Some((key.parse().ok()?, fields(&value))));
    Some(secrets.collect())
}

fn fields(value: &toml::Value) -> Option<Fields> {
    let field = |(name, value): (&String, &toml::Value)| {
        name.parse::<FieldName>().ok()?;
        Some((name.clone(), value.as_str()?.to_owned()))
    };
    value.as_table()?.iter().map(field).collect()
}

async fn write_and_read(vault: &dyn Vault, known: Option<Fields>) {
    let at: SecretPath = "fuzz/new".parse().unwrap();
    let fields: SecretFields = [("token".parse().unwrap(), "new \"'\n#".into())].into();
    if vault.write(&at, &fields, Expect::Any).await.is_err() {
        return;
    }
    let written = Fields::from([("token".to_owned(), "new \"'\n#".to_owned())]);
    assert_eq!(read(vault, "fuzz/new").await.ok(), Some(written));
    assert_eq!(read(vault, "fuzz/known").await.ok(), known);
}

/// All fields of the secret.
async fn read(vault: &dyn Vault, at: &str) -> Result<Fields, VaultError> {
    let secret = vault.read(&at.parse().unwrap(), &[], Stage::Current).await?;
    let fields = secret.fields.iter();
    Ok(fields.map(|(name, value)| (name.to_string(), value.expose_secret().to_owned())).collect())
}
