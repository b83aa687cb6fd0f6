//! What is known of some programs: of `pass` by running it. The commands and exit codes of the others are unverified.

use schemars::JsonSchema;
use serde::Deserialize;

/// A program with known commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// 1Password CLI 2: the field of the item `MODULE-ACCOUNT` in the vault `cofferdam`. Every failure has exit code 1.
    Op,
    /// Bitwarden CLI: the notes, a JSON object, of the item `[cofferdam/MODULE/ACCOUNT]`. Every failure has exit code 1.
    Bw,
    /// pass, the standard Unix password manager: the entry `cofferdam/MODULE/ACCOUNT`, a JSON object. Can be written.
    Pass,
    /// gopass of gopass.pw: the entry `cofferdam/MODULE/ACCOUNT`, a JSON object. Not Debian's program of that name.
    Gopass,
    /// Google Cloud CLI: the secret `cofferdam-MODULE-ACCOUNT` of Secret Manager, a JSON object. Every failure has exit
    /// code 1.
    Gcloud,
    /// Azure CLI: needs a `read` with the vault's name. Its exit codes are not distinguished.
    Az,
    /// Keeper Secrets Manager CLI (`ksm`): the custom field of the record `cofferdam-MODULE-ACCOUNT`. Its exit codes are
    /// not distinguished.
    Keeper,
}

/// A command in its source form.
type Command = &'static [&'static str];

/// The keys that a preset sets.
pub(crate) struct Defaults {
    pub(crate) read: Option<Command>,
    pub(crate) write: Option<Command>,
    pub(crate) delete: Option<Command>,
    pub(crate) probe: Option<Command>,
    pub(crate) env: &'static [&'static str],
    pub(crate) not_found: &'static [u8],
    pub(crate) locked: &'static [u8],
    /// Whether the contract suite passes against the real program.
    pub(crate) verified: bool,
}

const NOTHING: Defaults = Defaults {
    read: None,
    write: None,
    delete: None,
    probe: None,
    env: &[],
    not_found: &[],
    locked: &[],
    verified: false,
};

impl Preset {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Op => "op",
            Self::Bw => "bw",
            Self::Pass => "pass",
            Self::Gopass => "gopass",
            Self::Gcloud => "gcloud",
            Self::Az => "az",
            Self::Keeper => "keeper",
        }
    }

    pub(crate) fn defaults(self) -> Defaults {
        match self {
            Self::Op => Defaults {
                read: Some(&["op", "read", "op://cofferdam/{module}-{account}/{field}"]),
                env: &[
                    "HOME",
                    "XDG_CONFIG_HOME",
                    "XDG_RUNTIME_DIR",
                    "OP_ACCOUNT",
                    "OP_CONNECT_HOST",
                    "OP_CONNECT_TOKEN",
                    "OP_SERVICE_ACCOUNT_TOKEN",
                ],
                ..NOTHING
            },
            Self::Bw => Defaults {
                // `bw` searches: the brackets keep a missing item from matching another one whose name contains its own.
                read: Some(&["bw", "get", "notes", "[cofferdam/{path}]", "--nointeraction"]),
                env: &["HOME", "XDG_CONFIG_HOME", "BITWARDENCLI_APPDATA_DIR", "BW_SESSION"],
                ..NOTHING
            },
            Self::Pass => Defaults {
                read: Some(&["pass", "show", "cofferdam/{path}"]),
                write: Some(&["pass", "insert", "--multiline", "--force", "cofferdam/{path}"]),
                delete: Some(&["pass", "rm", "--force", "cofferdam/{path}"]),
                // 1 is also its exit code without a store, which this finds out.
                probe: Some(&["pass", "ls"]),
                env: &["HOME", "GNUPGHOME", "PASSWORD_STORE_DIR"],
                not_found: &[1],
                // The exit code of gpg: no key, no passphrase, a damaged file.
                locked: &[2],
                verified: true,
            },
            Self::Gopass => Defaults {
                read: Some(&["gopass", "show", "--unsafe", "--noparsing", "cofferdam/{path}"]),
                env: &["HOME", "GNUPGHOME", "PASSWORD_STORE_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME"],
                not_found: &[10],
                locked: &[11],
                ..NOTHING
            },
            Self::Gcloud => Defaults {
                read: Some(&[
                    "gcloud",
                    "secrets",
                    "versions",
                    "access",
                    "latest",
                    "--secret=cofferdam-{module}-{account}",
                    "--quiet",
                ]),
                env: &["HOME", "CLOUDSDK_CONFIG", "CLOUDSDK_CORE_PROJECT"],
                ..NOTHING
            },
            Self::Az => Defaults { env: &["HOME", "AZURE_CONFIG_DIR"], ..NOTHING },
            Self::Keeper => Defaults {
                read: Some(&[
                    "ksm",
                    "secret",
                    "notation",
                    "keeper://cofferdam-{module}-{account}/custom_field/{field}",
                ]),
                env: &["HOME", "KSM_CONFIG"],
                ..NOTHING
            },
        }
    }
}
