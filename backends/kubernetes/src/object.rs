//! Secrets as the API describes them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cofferdam_vault::http::Response;
use cofferdam_vault::{
    ErrorKind, ExposeSecret as _, FieldName, JsonFields, Secret, SecretFields, SecretPath, VaultError,
    Version,
};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::names;

/// The label of what this backend wrote. Its value differs for each write: the API server gives a write that changes nothing
/// no new version.
pub(crate) const WRITE_LABEL: &str = "cofferdam/write";

/// The annotation with the path of a Secret whose name does not contain it.
pub(crate) const PATH_ANNOTATION: &str = "cofferdam/path";

/// A Secret with its values.
#[derive(Deserialize)]
pub(crate) struct Object<'a> {
    pub(crate) metadata: Metadata,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// What a listing, a watch and a write need to know of a Secret. Annotations may contain its values, so others are skipped.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metadata {
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) uid: String,
    pub(crate) resource_version: String,
    deletion_timestamp: Option<IgnoredAny>,
    labels: Option<IgnoredAny>,
    annotations: Option<Annotations>,
}

#[derive(Debug, Deserialize)]
struct Annotations {
    #[serde(rename = "cofferdam/path")]
    path: Option<String>,
}

/// A Secret without its values.
#[derive(Debug, Deserialize)]
pub(crate) struct PartialObject {
    pub(crate) metadata: Metadata,
}

impl Metadata {
    /// The version of this state. Both parts are opaque, and the second never repeats in a cluster.
    pub(crate) fn version(&self) -> Version {
        Version::new(format!("{}.{}", self.uid, self.resource_version))
    }

    /// Whether it is being deleted, and kept only until others have finished with it.
    pub(crate) fn is_being_deleted(&self) -> bool {
        self.deletion_timestamp.is_some()
    }

    pub(crate) fn has_labels(&self) -> bool {
        self.labels.is_some()
    }

    /// Its path, if it has the name of one.
    pub(crate) fn path(&self) -> Option<SecretPath> {
        let annotation = self.annotations.as_ref().and_then(|annotations| annotations.path.as_deref());
        names::decode(&self.name, annotation)
    }
}

impl Object<'_> {
    /// The fields `names`, or all, of the secret that messages call `at`.
    ///
    /// # Errors
    ///
    /// With scope secret: `NotFound` if one is missing or the Secret is being deleted, `Malformed` if one is not text.
    pub(crate) fn into_secret(self, at: &str, names: &[FieldName]) -> Result<Secret, VaultError> {
        if self.metadata.is_being_deleted() {
            return Err(VaultError::secret(
                ErrorKind::NotFound,
                format!("{at} is being deleted; create another one"),
            ));
        }
        let malformed = |why: String| VaultError::secret(ErrorKind::Malformed, format!("{at} {why}"));
        let fields = match self.data {
            None => JsonFields::default(),
            Some(data) => JsonFields::parse(data.get())
                .map_err(|_| malformed("has too many fields; write it again".to_owned()))?,
        };
        let encoded = fields.select(names).map_err(|unusable| unusable.into_error(at))?;
        let mut fields = SecretFields::new();
        for (name, value) in encoded {
            let value = STANDARD.decode(value.expose_secret()).map(Zeroizing::new).unwrap_or_default();
            let Ok(text) = std::str::from_utf8(&value) else {
                return Err(malformed(format!("has a field {name} that is not UTF-8; write it as text")));
            };
            fields.insert(name, text.into());
        }
        Ok(Secret { fields, version: self.metadata.version(), valid_for: None, lease: None })
    }
}

/// Parses a Secret with its values; `None` if the response is another object.
pub(crate) fn secret(response: &Response) -> Option<Object<'_>> {
    response.json().ok()
}

/// Parses a Secret without its values; `None` if the response is another object.
pub(crate) fn partial(response: &Response) -> Option<PartialObject> {
    response.json().ok()
}

/// The JSON object of `fields` with values in base64. Allocated once, so that no copy stays behind.
pub(crate) fn data(fields: &SecretFields) -> Zeroizing<String> {
    let length = |(name, value): (&FieldName, &cofferdam_vault::SecretString)| {
        name.as_str().len() + value.expose_secret().len().div_ceil(3) * 4 + 6
    };
    let mut text = Zeroizing::new(String::with_capacity(2 + fields.iter().map(length).sum::<usize>()));
    text.push('{');
    for (name, value) in fields {
        if text.len() > 1 {
            text.push(',');
        }
        // Names of fields need no escapes in JSON.
        text.push('"');
        text.push_str(name.as_str());
        text.push_str("\":\"");
        STANDARD.encode_string(value.expose_secret(), &mut text);
        text.push('"');
    }
    text.push('}');
    text
}

#[cfg(test)]
mod tests {
    use cofferdam_vault::testkit::{field, fields};

    use super::*;

    fn read(data: &str, names: &[&str]) -> Result<Secret, ErrorKind> {
        let names: Vec<FieldName> = names.iter().map(|name| field(name)).collect();
        let text = format!(r#"{{"kind":"Secret","metadata":{{"uid":"u","resourceVersion":"7"}}{data}}}"#);
        let object: Object<'_> = serde_json::from_str(&text).unwrap();
        object.into_secret("Secret mcp/a", &names).map_err(|error| {
            assert!(!error.message().contains("canary"), "{error}");
            error.kind()
        })
    }

    #[test]
    fn data_is_read_as_it_is_written() {
        let written = fields([("token", "Zoë\n"), ("empty", ""), ("private.key", "k")]);
        let read = read(&format!(r#","data":{}"#, *data(&written)), &[]).unwrap();
        assert_eq!(read.version, Version::new("u.7"));
        for (name, value) in &written {
            assert_eq!(read.expose(name), Some(value.expose_secret()));
        }
        let text = data(&written);
        assert!(text.len() <= text.capacity() && text.capacity() <= text.len() + 8, "it was allocated once");
    }

    #[test]
    fn what_is_not_text_concerns_its_own_field() {
        // The bytes `ff fe` in base64.
        let data = r#","data":{"token":"Y2FuYXJ5","bytes":"//4=","0name":"Y2FuYXJ5"}"#;
        assert_eq!(read(data, &["token"]).unwrap().expose(&field("token")), Some("canary"));
        assert_eq!(read(data, &["bytes"]).unwrap_err(), ErrorKind::Malformed);
        assert_eq!(read(data, &[]).unwrap_err(), ErrorKind::Malformed, "a name that no field has");
        assert_eq!(read(data, &["absent"]).unwrap_err(), ErrorKind::NotFound);
        for none in ["", r#","data":null"#, r#","data":{}"#] {
            assert_eq!(read(none, &["token"]).unwrap_err(), ErrorKind::NotFound);
            assert!(read(none, &[]).unwrap().fields.is_empty());
        }
    }

    #[test]
    fn annotations_of_others_are_skipped() {
        let text = r#"{"metadata":{"name":"long--h00","resourceVersion":"7","deletionTimestamp":"2026-11-30T00:00:00Z",
            "labels":{"a":"b"},"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"canary"}}}"#;
        let partial: PartialObject = serde_json::from_str(text).unwrap();
        assert!(!format!("{partial:?}").contains("canary"));
        assert!(partial.metadata.is_being_deleted() && partial.metadata.has_labels());
        assert_eq!(partial.metadata.path(), None);
    }
}
