//! The key-value engine, in either version.

use cofferdam_vault::{Expect, JsonFields, SecretFields, SecretPath, VaultError, Version};

use crate::kv1::Kv1;
use crate::kv2::Kv2;
use crate::mount::Mount;

/// The engine that stores the secrets.
pub(crate) enum Store {
    V1(Kv1),
    V2(Kv2),
}

impl Store {
    pub(crate) fn mount(&self) -> &Mount {
        match self {
            Self::V1(kv) => &kv.0,
            Self::V2(kv) => &kv.0,
        }
    }

    pub(crate) async fn read(&self, path: &SecretPath) -> Result<(JsonFields, Version), VaultError> {
        match self {
            Self::V1(kv) => kv.read(path).await,
            Self::V2(kv) => kv.read(path).await,
        }
    }

    pub(crate) async fn write(
        &self,
        path: &SecretPath,
        fields: &SecretFields,
        expect: Expect,
    ) -> Result<Version, VaultError> {
        match self {
            Self::V1(kv) => kv.write(path, fields, expect).await,
            Self::V2(kv) => kv.write(path, fields, expect).await,
        }
    }

    pub(crate) async fn delete(&self, path: &SecretPath, expect: Expect) -> Result<(), VaultError> {
        match self {
            Self::V1(kv) => kv.delete(path, expect).await,
            Self::V2(kv) => kv.delete(path, expect).await,
        }
    }
}
