//! Where credentials come from, and what a file with credentials holds.

use std::path::{Path, PathBuf};

use cofferdam_vault::http::parse;
use cofferdam_vault::{
    ConfiguredFile, ErrorKind, JsonFields, JsonSecret, Protection, SecretString, VaultError,
};
use serde::Deserialize;

/// The variable that names the file of the application default credentials.
pub(crate) const VARIABLE: &str = "GOOGLE_APPLICATION_CREDENTIALS";

/// The file that `gcloud auth application-default login` writes, in the home folder.
const WELL_KNOWN: &str = ".config/gcloud/application_default_credentials.json";

/// The service of Google that exchanges tokens of other identity providers.
const TOKEN_EXCHANGE: &str = "https://sts.googleapis.com/v1/token";

/// Where credentials come from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    File(ConfiguredFile),
    Metadata,
    /// The first of this file and the metadata server. A file that does not exist is skipped.
    FileOrMetadata(ConfiguredFile),
}

impl Source {
    /// The application default credentials.
    pub(crate) fn ambient(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let file = |path| ConfiguredFile::new(path, "the credentials file", Protection::Secrecy);
        match (variable(VARIABLE), variable("HOME")) {
            (Some(path), _) => Self::File(file(PathBuf::from(path))),
            (None, Some(home)) => Self::FileOrMetadata(file(Path::new(&home).join(WELL_KNOWN))),
            (None, None) => Self::Metadata,
        }
    }

    /// Its name, fit for a log.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File(file) => format!("{file}, and the token file that it may name"),
            Self::Metadata => "the metadata server".to_owned(),
            Self::FileOrMetadata(file) => format!("{file} if it exists, else the metadata server"),
        }
    }

    /// The file with credentials.
    pub(crate) fn file(&self) -> Option<&ConfiguredFile> {
        match self {
            Self::File(file) | Self::FileOrMetadata(file) => Some(file),
            Self::Metadata => None,
        }
    }

    /// The credentials. Blocks. Relative paths in the file are in `folder`.
    ///
    /// # Errors
    ///
    /// Those of [`ConfiguredFile::read`], and `Misconfigured` (vault) for a file that holds no usable credentials.
    pub(crate) fn read(&self, folder: &Path) -> Result<Credentials, VaultError> {
        let file = match self {
            Self::Metadata => return Ok(Credentials::Metadata),
            Self::FileOrMetadata(file) if !file.path().exists() => return Ok(Credentials::Metadata),
            Self::File(file) | Self::FileOrMetadata(file) => file,
        };
        let content = file.read()?;
        Credentials::parse(&content, folder)
            .map_err(|why| VaultError::vault(ErrorKind::Misconfigured, format!("{file} {why}")))
    }
}

/// What a login is made with.
#[derive(Debug)]
pub(crate) enum Credentials {
    Metadata,
    ServiceAccount(ServiceAccount),
    AuthorizedUser(AuthorizedUser),
    ExternalAccount(ExternalAccount),
}

/// The key of a service account.
#[derive(Debug, Deserialize)]
pub(crate) struct ServiceAccount {
    pub(crate) client_email: String,
    pub(crate) private_key_id: String,
    /// In PEM.
    pub(crate) private_key: JsonSecret,
}

/// The login of a person.
#[derive(Debug, Deserialize)]
pub(crate) struct AuthorizedUser {
    pub(crate) client_id: String,
    pub(crate) client_secret: JsonSecret,
    pub(crate) refresh_token: JsonSecret,
}

/// A workload identity federation.
#[derive(Debug)]
pub(crate) struct ExternalAccount {
    pub(crate) audience: String,
    pub(crate) subject_token_type: String,
    pub(crate) subject_token: SubjectToken,
    /// The service account to act as. `None`: the access token is that of the federated identity itself.
    pub(crate) service_account: Option<String>,
    pub(crate) token_url: String,
}

/// The token of the other identity provider: a file that the provider writes.
#[derive(Debug)]
pub(crate) struct SubjectToken {
    file: ConfiguredFile,
    /// The member with the token, if the file is a JSON object.
    member: Option<String>,
}

impl Credentials {
    fn parse(json: &[u8], folder: &Path) -> Result<Self, &'static str> {
        #[derive(Deserialize)]
        struct Kind {
            r#type: String,
        }
        let invalid = "does not hold credentials of Google as JSON; download it again";
        let kind: Kind = parse(json).map_err(|_| invalid)?;
        match kind.r#type.as_str() {
            "service_account" => parse(json).map(Self::ServiceAccount).map_err(|_| invalid),
            "authorized_user" => parse(json).map(Self::AuthorizedUser).map_err(|_| invalid),
            "external_account" => ExternalAccount::parse(json, folder).map(Self::ExternalAccount),
            _ => Err(
                "has a `type` that is not supported; use `service_account`, `authorized_user` or `external_account`",
            ),
        }
    }
}

impl ExternalAccount {
    fn parse(json: &[u8], folder: &Path) -> Result<Self, &'static str> {
        #[derive(Deserialize)]
        struct Configuration {
            audience: String,
            subject_token_type: String,
            token_url: String,
            service_account_impersonation_url: Option<String>,
            credential_source: CredentialSource,
        }
        #[derive(Deserialize)]
        struct CredentialSource {
            file: Option<PathBuf>,
            #[serde(default)]
            format: Format,
        }
        #[derive(Default, Deserialize)]
        struct Format {
            subject_token_field_name: Option<String>,
        }
        let read: Configuration = parse(json).map_err(
            |_| "is not the configuration of a workload identity federation; create it again with gcloud",
        )?;
        let file = read.credential_source.file.ok_or(
            "takes its token from a program, a URL or AWS, which is not supported; create it with \
             `--credential-source-file`",
        )?;
        let service_account = match &read.service_account_impersonation_url {
            None => None,
            Some(url) => Some(impersonated(url).ok_or("has an invalid `service_account_impersonation_url`")?),
        };
        let file = ConfiguredFile::new(folder.join(file), "the token file", Protection::Secrecy);
        Ok(Self {
            audience: read.audience,
            subject_token_type: read.subject_token_type,
            subject_token: SubjectToken {
                file,
                member: read.credential_source.format.subject_token_field_name,
            },
            service_account,
            token_url: read.token_url,
        })
    }

    /// Whether the file names Google's own service for its token.
    pub(crate) fn is_for_google(&self) -> bool {
        self.token_url == TOKEN_EXCHANGE
    }
}

/// The service account in the URL of an impersonation. Only its name is used, and not its host.
fn impersonated(url: &str) -> Option<String> {
    let (_, name) = url.rsplit_once("/serviceAccounts/")?;
    let name = name.strip_suffix(":generateAccessToken")?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"@.-".contains(&byte);
    (!name.is_empty() && name.bytes().all(allowed)).then(|| name.to_owned())
}

impl SubjectToken {
    /// Reads the token. Blocks.
    ///
    /// # Errors
    ///
    /// Those of [`ConfiguredFile::read`], and `Misconfigured` (vault) if the file does not hold a token.
    pub(crate) fn read(&self) -> Result<SecretString, VaultError> {
        let Some(member) = &self.member else {
            return self.file.read_secret(cofferdam_vault::SecretFormat::Word);
        };
        let content = self.file.read()?;
        let fields = std::str::from_utf8(&content).ok().and_then(|text| JsonFields::parse(text).ok());
        let token =
            fields.as_ref().and_then(|fields| fields.texts().find(|(name, _)| *name == member.as_str()));
        token.map(|(_, token)| token.clone()).ok_or_else(|| {
            let message = format!("{} does not hold the member that the credentials file names", self.file);
            VaultError::vault(ErrorKind::Misconfigured, message)
        })
    }

    pub(crate) fn file(&self) -> &ConfiguredFile {
        &self.file
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_of_an_impersonated_account_is_used() {
        let url =
            |tail: &str| impersonated(&format!("https://x.example/v1/projects/-/serviceAccounts/{tail}"));
        assert_eq!(
            url("a@p.iam.gserviceaccount.com:generateAccessToken").as_deref(),
            Some("a@p.iam.gserviceaccount.com")
        );
        for bad in
            ["a@p.example", ":generateAccessToken", "../x:generateAccessToken", "a/b:generateAccessToken"]
        {
            assert_eq!(url(bad), None, "{bad}");
        }
    }

    #[test]
    fn application_default_credentials_are_looked_up_in_their_order() {
        let source = |set: &[(&str, &str)]| {
            let set = set.to_vec();
            let variable = |name: &str| {
                set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            Source::ambient(&variable).name()
        };
        assert!(source(&[(VARIABLE, "/k.json"), ("HOME", "/h")]).contains("/k.json,"));
        assert!(
            source(&[("HOME", "/h")])
                .contains("/h/.config/gcloud/application_default_credentials.json if it")
        );
        assert_eq!(source(&[]), "the metadata server");
    }
}
