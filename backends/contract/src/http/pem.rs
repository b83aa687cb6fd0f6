//! Where certificates and keys in PEM come from.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::{ConfiguredFile, VaultError};

/// Certificates or a private key in PEM. Prints as the name of where they are, without content.
#[derive(Clone)]
pub enum Pem {
    /// In a file of their own, which is read again for each new client.
    File(ConfiguredFile),
    /// As part of other settings.
    Inline {
        /// Where, for messages: `the client key in the kubeconfig /home/ada/.kube/config`.
        name: Arc<str>,
        /// The PEM text.
        content: Arc<Zeroizing<Vec<u8>>>,
    },
}

impl Pem {
    /// The file, if it is one.
    pub fn file(&self) -> Option<&ConfiguredFile> {
        match self {
            Self::File(file) => Some(file),
            Self::Inline { .. } => None,
        }
    }

    /// The content. Blocks, so it runs on [`Threads`](crate::Threads).
    ///
    /// # Errors
    ///
    /// Those of [`ConfiguredFile::read`].
    pub fn read(&self) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        match self {
            Self::File(file) => file.read(),
            Self::Inline { content, .. } => Ok(Zeroizing::clone(content)),
        }
    }
}

impl From<ConfiguredFile> for Pem {
    fn from(file: ConfiguredFile) -> Self {
        Self::File(file)
    }
}

impl fmt::Display for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => file.fmt(f),
            Self::Inline { name, .. } => f.write_str(name),
        }
    }
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pem({self})")
    }
}
