//! Decrypts and encrypts a vault file.

use std::io::{Read, Write};
use std::path::Path;

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::{DecryptError, Decryptor, EncryptError, Encryptor, Identity, Recipient};
use cofferdam_vault::{ErrorKind, VaultError};
use zeroize::{Zeroize, Zeroizing};

use crate::error::{Cause, vault_error};
use crate::keys::Keys;
use crate::limits::MAX_LOG_N;
use crate::recipients::AnyRecipient;

/// The scrypt work factor of a file that this crate writes, which is the default of `age`.
const LOG_N: u8 = 18;

/// The first line of an armored file.
const ARMOR_HEADER: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";

/// The plaintext of a vault file, and whether the file was armored.
pub(crate) struct Decrypted {
    pub(crate) plaintext: Zeroizing<String>,
    pub(crate) armored: bool,
}

/// Decrypts `bytes`, the content of the vault file at `path`.
pub(crate) fn open(path: &Path, bytes: &[u8], keys: &Keys) -> Result<Decrypted, VaultError> {
    // An editor may have left blank lines around the armor, which `age` accepts too.
    let trimmed = bytes.trim_ascii();
    let armored = trimmed.starts_with(ARMOR_HEADER);
    let bytes = if armored { trimmed } else { bytes };
    let decrypted = match keys {
        Keys::Identities { identities, .. } => {
            decrypt(bytes, identities.iter().map(|key| &**key as &dyn Identity))
                .map_err(|error| vault_error(path, Cause::DecryptingWithIdentity(error)))
        }
        Keys::Passphrase(passphrase) => {
            let mut identity = age::scrypt::Identity::new(passphrase.clone());
            identity.set_max_work_factor(MAX_LOG_N);
            decrypt(bytes, std::iter::once(&identity as &dyn Identity))
                .map_err(|error| vault_error(path, Cause::DecryptingWithPassphrase(error)))
        }
    }?;
    Ok(Decrypted { plaintext: into_utf8(path, decrypted)?, armored })
}

fn decrypt<'a>(
    bytes: &[u8],
    identities: impl Iterator<Item = &'a dyn Identity>,
) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
    let mut reader =
        Decryptor::new_buffered(std::io::BufReader::new(ArmoredReader::new(bytes)))?.decrypt(identities)?;
    // The plaintext is shorter than the file, so the buffer never grows.
    let mut plaintext = Zeroizing::new(Vec::with_capacity(bytes.len()));
    reader.read_to_end(&mut plaintext).map_err(DecryptError::Io)?;
    Ok(plaintext)
}

fn into_utf8(path: &Path, mut bytes: Zeroizing<Vec<u8>>) -> Result<Zeroizing<String>, VaultError> {
    String::from_utf8(std::mem::take(&mut *bytes)).map(Zeroizing::new).map_err(|error| {
        error.into_bytes().zeroize();
        VaultError::vault(
            ErrorKind::Malformed,
            format!("the plaintext of {} is not UTF-8; replace it with TOML", path.display()),
        )
    })
}

/// Encrypts `plaintext` for `recipients`, or for the keys' own if they are `None`, and verifies that `keys` can decrypt it.
pub(crate) fn seal(
    path: &Path,
    plaintext: &str,
    keys: &Keys,
    recipients: Option<&[AnyRecipient]>,
    armored: bool,
) -> Result<Vec<u8>, VaultError> {
    let failed = |error| vault_error(path, Cause::Encrypting(error));
    match keys {
        Keys::Passphrase(passphrase) => {
            let mut recipient = age::scrypt::Recipient::new(passphrase.clone());
            recipient.set_work_factor(LOG_N);
            encrypt(plaintext, std::iter::once(&recipient as &dyn Recipient), armored).map_err(failed)
        }
        Keys::Identities { unknown_line: Some(line), .. } if recipients.is_none() => Err(VaultError::vault(
            ErrorKind::Misconfigured,
            format!(
                "{} was not written: line {line} of the identity file is not a known identity, and the file would no \
                     longer be encrypted for it; list all public keys in `recipients_file`, or remove the line",
                path.display()
            ),
        )),
        Keys::Identities { identities, own, .. } => {
            let recipients = recipients.unwrap_or(own);
            let sealed = encrypt(plaintext, recipients.iter().map(|key| &**key as &dyn Recipient), armored)
                .map_err(failed)?;
            match decrypt(&sealed, identities.iter().map(|key| &**key as &dyn Identity)) {
                Ok(opened) if opened.as_slice() == plaintext.as_bytes() => Ok(sealed),
                _ => Err(VaultError::vault(
                    ErrorKind::Misconfigured,
                    format!(
                        "{} was not written: its own identity could not decrypt it, because the recipients do not \
                         include it; add the identity's public key to `recipients_file`",
                        path.display()
                    ),
                )),
            }
        }
    }
}

fn encrypt<'a>(
    plaintext: &str,
    recipients: impl Iterator<Item = &'a dyn Recipient>,
    armored: bool,
) -> Result<Vec<u8>, EncryptError> {
    let format = if armored { Format::AsciiArmor } else { Format::Binary };
    let output = ArmoredWriter::wrap_output(Vec::new(), format)?;
    let mut writer = Encryptor::with_recipients(recipients)?.wrap_output(output)?;
    writer.write_all(plaintext.as_bytes())?;
    Ok(writer.finish()?.finish()?)
}
