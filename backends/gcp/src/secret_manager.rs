//! One function per method of the REST API: each sends one request.
//!
//! Source: <https://cloud.google.com/secret-manager/docs/reference/rest>.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cofferdam_vault::http::{LoginClient, Method, Request, Response, StatusCode, malformed};
use cofferdam_vault::{ErrorKind, VaultError};
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use crate::crc32c::checksum;
use crate::error::{Failure, Operation, from_response};

/// The version that was created last, whatever its state.
pub(crate) const LATEST: &str = "latest";

/// The number of secrets in a page of a listing.
const PAGE_SECRETS: &str = "1000";

/// Maximum size of a page of a listing: with all its labels and annotations a secret takes less than 16 KiB.
const MAX_LIST_BYTES: usize = 16 * 1024 * 1024;

/// The secrets of one project.
pub(crate) struct SecretManager {
    /// The error of an address that cannot be used.
    pub(crate) client: Result<LoginClient, VaultError>,
    pub(crate) project: String,
}

/// The payload of one version.
pub(crate) struct Payload {
    pub(crate) number: u64,
    pub(crate) bytes: Zeroizing<Vec<u8>>,
}

/// A version without its payload.
#[derive(Deserialize)]
struct VersionEntry {
    name: String,
}

/// A page of a listing.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SecretPage {
    secrets: Vec<SecretEntry>,
    next_page_token: String,
}

/// A secret without its versions.
#[derive(Deserialize)]
struct SecretEntry {
    name: String,
    #[serde(default)]
    etag: String,
}

impl SecretManager {
    /// The address, fit for a log.
    pub(crate) fn location(&self) -> &str {
        self.client.as_ref().map_or("no address", LoginClient::location)
    }

    /// The full name of the secret `id`, as access rules have it.
    pub(crate) fn resource(&self, id: &str) -> String {
        format!("projects/{}/secrets/{id}", self.project)
    }

    /// Reads the payload of `version`: a number, or [`LATEST`].
    pub(crate) async fn access(&self, id: &str, version: &str) -> Result<Payload, Failure> {
        #[derive(Deserialize)]
        struct Accessed<'a> {
            name: String,
            #[serde(borrow)]
            payload: AccessedPayload<'a>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct AccessedPayload<'a> {
            #[serde(borrow, default)]
            data: Cow<'a, str>,
            #[serde(borrow)]
            data_crc32c: Option<Cow<'a, str>>,
        }
        let request = Request::get(format!("v1/{}/versions/{version}:access", self.resource(id)));
        let response = self.send(&request, "secretmanager.versions.access", &subject(id)).await?;
        let accessed: Accessed<'_> = self.body(&response)?;
        let number = self.number(&accessed.name)?;
        let bytes = STANDARD.decode(accessed.payload.data.as_bytes()).map(Zeroizing::new);
        let bytes = bytes.map_err(|_| self.malformed())?;
        let sum = accessed.payload.data_crc32c;
        if sum.is_some_and(|sum| sum.parse() != Ok(checksum(&bytes))) {
            let message = format!("the payload of {} was damaged on the way; try again", subject(id));
            return Err(VaultError::vault(ErrorKind::Unavailable, message).into());
        }
        Ok(Payload { number, bytes })
    }

    /// The number of the latest version, whatever its state.
    pub(crate) async fn latest(&self, id: &str) -> Result<u64, Failure> {
        let request = Request::get(format!("v1/{}/versions/{LATEST}", self.resource(id)));
        let response = self.send(&request, "secretmanager.versions.get", &subject(id)).await?;
        self.number(&self.body::<VersionEntry>(&response)?.name)
    }

    /// The numbers of the two newest versions that are enabled, the newest first.
    pub(crate) async fn newest_enabled(&self, id: &str) -> Result<Vec<u64>, Failure> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct VersionPage {
            versions: Vec<VersionEntry>,
        }
        let request = Request::get(format!("v1/{}/versions", self.resource(id)))
            .with_parameter("pageSize", "2")
            .with_parameter("filter", "state:ENABLED");
        let response = self.send(&request, "secretmanager.versions.list", &subject(id)).await?;
        let page: VersionPage = self.body(&response)?;
        page.versions.iter().map(|version| self.number(&version.name)).collect()
    }

    /// Adds a version with `payload`, and returns its number. Fails with `Missing` if there is no such secret.
    pub(crate) async fn add(&self, id: &str, payload: &[u8]) -> Result<u64, Failure> {
        let request = Request::new(Method::POST, format!("v1/{}:addVersion", self.resource(id)));
        let request = request.with_json(version_body(payload));
        let response = self.send(&request, "secretmanager.versions.add", &subject(id)).await?;
        self.number(&self.body::<VersionEntry>(&response)?.name)
    }

    /// Creates a secret without a version. Fails with `Exists` if there is one.
    pub(crate) async fn create(&self, id: &str) -> Result<(), Failure> {
        let body = json!({ "replication": { "automatic": {} }, "labels": { "managed-by": "cofferdam" } });
        let request = Request::new(Method::POST, format!("v1/projects/{}/secrets", self.project))
            .with_parameter("secretId", id)
            .with_json(Zeroizing::new(body.to_string().into_bytes()));
        self.send(&request, "secretmanager.secrets.create", &subject(id)).await.map(drop)
    }

    /// The ETag of a secret.
    pub(crate) async fn etag(&self, id: &str) -> Result<String, Failure> {
        let request = Request::get(format!("v1/{}", self.resource(id)));
        let response = self.send(&request, "secretmanager.secrets.get", &subject(id)).await?;
        Ok(self.body::<SecretEntry>(&response)?.etag)
    }

    /// Deletes a secret with all its versions, if its ETag is `etag`.
    pub(crate) async fn delete(&self, id: &str, etag: Option<&str>) -> Result<(), Failure> {
        let mut request = Request::new(Method::DELETE, format!("v1/{}", self.resource(id)));
        if let Some(etag) = etag {
            request = request.with_parameter("etag", etag);
        }
        self.send(&request, "secretmanager.secrets.delete", &subject(id)).await.map(drop)
    }

    /// A page of IDs, of those that contain `part`, and the token of the next page.
    pub(crate) async fn list(
        &self,
        part: Option<&str>,
        after: Option<&str>,
    ) -> Result<(Vec<String>, Option<String>), Failure> {
        let mut request = Request::get(format!("v1/projects/{}/secrets", self.project))
            .with_max_bytes(MAX_LIST_BYTES)
            .with_parameter("pageSize", PAGE_SECRETS);
        if let Some(part) = part {
            request = request.with_parameter("filter", &format!("name:{part}"));
        }
        if let Some(after) = after {
            request = request.with_parameter("pageToken", after);
        }
        let response =
            self.send(&request, "secretmanager.secrets.list", "the secrets of the project").await?;
        let page: SecretPage = self.body(&response)?;
        let id = |secret: SecretEntry| secret.name.rsplit_once('/').map(|(_, id)| id.to_owned());
        let ids = page.secrets.into_iter().filter_map(id).collect();
        Ok((ids, Some(page.next_page_token).filter(|token| !token.is_empty())))
    }

    /// Whether the login may read the secret with the full name `resource`. False also if that does not exist.
    pub(crate) async fn may_access(&self, resource: &str) -> Result<bool, Failure> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Permissions {
            permissions: Vec<String>,
        }
        const ACCESS: &str = "secretmanager.versions.access";
        let body = json!({ "permissions": [ACCESS] });
        let request = Request::new(Method::POST, format!("v1/{resource}:testIamPermissions"))
            .with_json(Zeroizing::new(body.to_string().into_bytes()));
        let response = self.send(&request, ACCESS, "the secret of another vault").await?;
        let granted: Permissions = self.body(&response)?;
        Ok(granted.permissions.iter().any(|permission| permission == ACCESS))
    }

    async fn send(
        &self,
        request: &Request,
        permission: &'static str,
        subject: &str,
    ) -> Result<Response, Failure> {
        let client = self.client.as_ref().map_err(Clone::clone)?;
        let response = client.send(request).await?;
        match response.status {
            StatusCode::OK => Ok(response),
            _ => Err(from_response(self.location(), &response, Operation { permission, subject })),
        }
    }

    fn body<'a, T: Deserialize<'a>>(&self, response: &'a Response) -> Result<T, Failure> {
        response.json().map_err(|_| self.malformed())
    }

    /// The number at the end of a version's name.
    fn number(&self, name: &str) -> Result<u64, Failure> {
        let number = name.rsplit_once("/versions/").and_then(|(_, number)| number.parse().ok());
        number.ok_or_else(|| self.malformed())
    }

    fn malformed(&self) -> Failure {
        malformed(self.location(), "a request", "Secret Manager").into()
    }
}

/// What messages call the secret `id`.
pub(crate) fn subject(id: &str) -> String {
    format!("the secret {id}")
}

/// The body that adds a version.
fn version_body(payload: &[u8]) -> Zeroizing<Vec<u8>> {
    let (begin, middle) = (&br#"{"payload":{"data":""#[..], &br#"","dataCrc32c":""#[..]);
    let end = format!("{}\"}}}}", checksum(payload));
    let encoded = payload.len().div_ceil(3) * 4;
    // A buffer that grows leaves a copy behind.
    let mut body = Zeroizing::new(Vec::with_capacity(begin.len() + encoded + middle.len() + end.len()));
    body.extend_from_slice(begin);
    body.resize(begin.len() + encoded, 0);
    // The space is exactly that of the encoded payload, so it cannot fail.
    let _ = STANDARD.encode_slice(payload, &mut body[begin.len()..]);
    body.extend_from_slice(middle);
    body.extend_from_slice(end.as_bytes());
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_written_as_the_api_takes_it() {
        let body = version_body(b"123456789");
        assert_eq!(*body, br#"{"payload":{"data":"MTIzNDU2Nzg5","dataCrc32c":"3808858755"}}"#);
        assert_eq!(body.capacity(), body.len());
    }
}
