//! One function per operation of the REST API: each sends one request.
//!
//! Source: <https://learn.microsoft.com/rest/api/keyvault/secrets/operation-groups>, version 7.4.

use cofferdam_vault::http::{LoginClient, Method, Request, Response, StatusCode, malformed};
use cofferdam_vault::{ErrorKind, JsonSecret, SecretString, VaultError};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::entry::Entry;
use crate::error::{Failure, Operation, from_response};

/// The version of the API.
const API_VERSION: (&str, &str) = ("api-version", "7.4");

/// The number of entries in a page, which is the most.
const PAGE_ENTRIES: (&str, &str) = ("maxresults", "25");

/// Maximum number of pages of versions that are read to find the previous one: 2,500 versions.
const MAX_VERSION_PAGES: usize = 100;

/// One Key Vault.
pub(crate) struct KeyVault {
    /// The error of settings that cannot be used.
    pub(crate) client: Result<LoginClient, VaultError>,
}

/// A version with its value.
pub(crate) struct Value {
    pub(crate) entry: Entry,
    pub(crate) text: SecretString,
}

/// A page of a listing.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageBody {
    #[serde(default)]
    value: Vec<Entry>,
    next_link: Option<String>,
}

impl KeyVault {
    /// The address, fit for a log.
    pub(crate) fn location(&self) -> &str {
        self.client.as_ref().map_or("no address", LoginClient::location)
    }

    /// Reads a version, the current one if `version` is `None`.
    pub(crate) async fn get(&self, name: &str, version: Option<&str>) -> Result<Value, Failure> {
        #[derive(Deserialize)]
        struct ValueOnly {
            value: JsonSecret,
        }
        let path = version.map_or_else(|| secret(name), |version| format!("{}/{version}", secret(name)));
        let response = self.send(request(Method::GET, path), "get", &subject(name)).await?;
        let (entry, value): (Entry, ValueOnly) = (self.body(&response)?, self.body(&response)?);
        if entry.version().is_none() {
            return Err(self.malformed());
        }
        Ok(Value { entry, text: value.value.0 })
    }

    /// Adds a version with `text`, and returns its ID. Creates the secret if there is none.
    pub(crate) async fn set(&self, name: &str, text: &str, content_type: &str) -> Result<String, Failure> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct NewVersion<'a> {
            value: &'a str,
            content_type: &'a str,
        }
        // `text` is JSON, in which control characters are escaped: each of its bytes takes at most two. A buffer that grows
        // leaves a copy behind.
        let mut body = Zeroizing::new(Vec::with_capacity(2 * text.len() + content_type.len() + 64));
        serde_json::to_writer(&mut *body, &NewVersion { value: text, content_type })
            .map_err(|_| self.malformed())?;
        let request = request(Method::PUT, secret(name)).with_json(body);
        let response = self.send(request, "set", &subject(name)).await?;
        let entry: Entry = self.body(&response)?;
        entry.version().map(str::to_owned).ok_or_else(|| self.malformed())
    }

    /// Deletes a secret with all its versions. It can be recovered until it is purged, if the vault has soft delete.
    pub(crate) async fn delete(&self, name: &str) -> Result<(), Failure> {
        self.send(request(Method::DELETE, secret(name)), "delete", &subject(name)).await.map(drop)
    }

    /// The current version of a deleted secret, without its value.
    pub(crate) async fn deleted(&self, name: &str) -> Result<Entry, Failure> {
        let path = format!("deletedsecrets/{name}");
        let response = self.send(request(Method::GET, path), "get", &subject(name)).await?;
        self.body(&response)
    }

    /// Starts to recover a deleted secret.
    pub(crate) async fn recover(&self, name: &str) -> Result<(), Failure> {
        let path = format!("deletedsecrets/{name}/recover");
        self.send(request(Method::POST, path), "recover", &subject(name)).await.map(drop)
    }

    /// A page of secrets, and the query of the next page. `after` is such a query.
    pub(crate) async fn list(&self, after: Option<&str>) -> Result<(Vec<Entry>, Option<String>), Failure> {
        self.page("secrets".to_owned(), after, "the secrets of the vault").await
    }

    /// All versions of a secret, in no order.
    pub(crate) async fn versions(&self, name: &str) -> Result<Vec<Entry>, Failure> {
        let (mut all, mut after) = (Vec::new(), None);
        for _ in 0..MAX_VERSION_PAGES {
            let path = format!("{}/versions", secret(name));
            let (page, next) = self.page(path, after.as_deref(), &subject(name)).await?;
            all.extend(page);
            after = next;
            if after.is_none() {
                return Ok(all);
            }
        }
        let message = format!("{} has too many versions to find the previous one; purge it", subject(name));
        Err(VaultError::secret(ErrorKind::Unsupported, message).into())
    }

    async fn page(
        &self,
        path: String,
        after: Option<&str>,
        subject: &str,
    ) -> Result<(Vec<Entry>, Option<String>), Failure> {
        let mut request = Request::get(path);
        match after {
            Some(query) => request.query = Some(query.to_owned()),
            None => {
                let (name, value) = PAGE_ENTRIES;
                request = request.with_parameter(API_VERSION.0, API_VERSION.1).with_parameter(name, value);
            }
        }
        let response = self.send(request, "list", subject).await?;
        let page: PageBody = self.body(&response)?;
        // Only the query of the link is used: the token is sent to the vault itself.
        let next = page.next_link.as_deref().filter(|link| !link.is_empty()).map(|link| {
            link.split_once('?').map(|(_, query)| query.to_owned()).ok_or_else(|| self.malformed())
        });
        Ok((page.value, next.transpose()?))
    }

    async fn send(
        &self,
        request: Request,
        permission: &'static str,
        subject: &str,
    ) -> Result<Response, Failure> {
        let client = self.client.as_ref().map_err(Clone::clone)?;
        let response = client.send(&request).await?;
        match response.status {
            StatusCode::OK => Ok(response),
            _ => Err(from_response(self.location(), &response, Operation { permission, subject })),
        }
    }

    fn body<'a, T: Deserialize<'a>>(&self, response: &'a Response) -> Result<T, Failure> {
        response.json().map_err(|_| self.malformed())
    }

    fn malformed(&self) -> Failure {
        malformed(self.location(), "a request", "Key Vault").into()
    }
}

fn request(method: Method, path: String) -> Request {
    Request::new(method, path).with_parameter(API_VERSION.0, API_VERSION.1)
}

fn secret(name: &str) -> String {
    format!("secrets/{name}")
}

/// What messages call the secret `name`.
pub(crate) fn subject(name: &str) -> String {
    format!("the secret {name}")
}
