//! Puts a credential on a request, just before it is sent.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cofferdam_vault::{ExposeSecret, FieldName, SecretString};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;
use zeroize::Zeroizing;

use super::destination::is_loopback;
use super::encode::{push_encoded, push_pair};
use super::headers;
use crate::broker::{Credential, CredentialSpec, CredentialTemplate, FieldDefect};
use crate::connectors::failure::CallFailure;
use crate::connectors::scrub::Scrubber;

/// A credential as the requests of one call carry it.
pub(super) struct AppliedAuth {
    headers: HeaderMap,
    query: Vec<(String, SecretString)>,
    /// The strings that were made of the secret's fields, for the scrubber, each with the number of bytes at its beginning that
    /// are not secret by themselves.
    derived: Vec<(SecretString, usize)>,
    /// The fields of a user name that is not secret by itself, because there is a password of other fields.
    of_user_name: Vec<FieldName>,
}

/// The request would carry the credential over plain `http` to another machine.
#[derive(Debug)]
pub(super) struct PlainHttp;

/// What all calls with one credential share: where it goes, and how it is found in what comes back.
pub(super) struct PreparedCredential {
    pub(super) auth: AppliedAuth,
    pub(super) scrubber: Arc<Scrubber>,
}

impl PreparedCredential {
    /// Prepares `credential`, unless an earlier call has.
    ///
    /// # Errors
    ///
    /// Those of [`AppliedAuth::new`].
    pub(super) fn of(spec: &CredentialSpec, credential: &Credential) -> Result<Arc<Self>, CallFailure> {
        credential.derived.get_or_make(|| {
            let auth = AppliedAuth::new(spec, credential)?;
            let scrubber = Arc::new(auth.scrubber(credential));
            Ok(Self { auth, scrubber })
        })
    }
}

impl AppliedAuth {
    /// Renders the headers and query parameters that `spec` names.
    ///
    /// # Errors
    ///
    /// [`CallFailure::CredentialUnusable`] if a field is missing, empty, or not valid where `spec` puts it.
    fn new(spec: &CredentialSpec, credential: &Credential) -> Result<Self, CallFailure> {
        Self::render(spec, credential).map_err(|why| CallFailure::CredentialUnusable {
            message: format!(
                "the credential of account `{}` of module `{}` cannot be used: {why}",
                credential.account, credential.module
            ),
        })
    }

    fn render(spec: &CredentialSpec, credential: &Credential) -> Result<Self, String> {
        let in_basic = matches!(spec, CredentialSpec::Basic { .. });
        for field in spec.fields() {
            let text = credential.secret.expose(&field).unwrap_or_default();
            // The user name alone may be the whole credential. The password then exists and is empty.
            if text.is_empty() && !(in_basic && credential.secret.expose(&field).is_some()) {
                return Err(format!("its field `{field}` is missing or empty; tell the user to store it"));
            }
            if let Some(defect) = FieldDefect::find(text) {
                return Err(format!("its field `{field}` {defect}; tell the user to store it again without"));
            }
        }
        let mut auth = Self {
            headers: HeaderMap::new(),
            query: Vec::new(),
            derived: Vec::new(),
            of_user_name: Vec::new(),
        };
        match spec {
            CredentialSpec::Bearer { token } => {
                auth.header(AUTHORIZATION, prefixed("Bearer ", &token.render(credential)), token)?;
            }
            CredentialSpec::Header { headers: templates } => {
                for (name, template) in templates {
                    let header =
                        headers::for_credential(name).map_err(|why| format!("its header `{name}` {why}"))?;
                    auth.header(header, template.render(credential), template)?;
                }
            }
            CredentialSpec::Query { params } => {
                for (name, template) in params {
                    let text = template.render(credential);
                    // As it is sent: a service that reflects the request line may encode it again.
                    let mut encoded = Zeroizing::new(String::new());
                    push_encoded(&mut encoded, text.expose_secret());
                    auth.derived.push((SecretString::from(encoded.as_str()), 0));
                    auth.derived.push((text.clone(), 0));
                    auth.query.push((name.clone(), text));
                }
            }
            CredentialSpec::Basic { username, password } => auth.basic(username, password, credential)?,
        }
        Ok(auth)
    }

    fn basic(
        &mut self,
        username: &CredentialTemplate,
        password: &CredentialTemplate,
        credential: &Credential,
    ) -> Result<(), String> {
        let name = username.render(credential);
        if name.expose_secret().contains(':') {
            return Err("its user name contains `:`, which basic authentication cannot carry; tell the user to store \
                        another"
                .into());
        }
        let word = password.render(credential);
        if name.expose_secret().is_empty() && word.expose_secret().is_empty() {
            return Err("its user name and password are both empty; tell the user to store them".into());
        }
        let of_password: Vec<&FieldName> = password.fields().collect();
        let is_secret =
            word.expose_secret().is_empty() || username.fields().any(|field| of_password.contains(&field));
        let mut known = 0;
        if !is_secret {
            self.of_user_name = username.fields().cloned().collect();
            known = name.expose_secret().len() + ":".len();
        }
        let pair = SecretString::from(format!("{}:{}", name.expose_secret(), word.expose_secret()));
        let encoded = SecretString::from(STANDARD.encode(pair.expose_secret()));
        let value = prefixed("Basic ", &encoded);
        self.derived.push((pair, known));
        self.derived.push((encoded, 0));
        self.header(AUTHORIZATION, value, password)
    }

    fn header(
        &mut self,
        name: HeaderName,
        text: SecretString,
        template: &CredentialTemplate,
    ) -> Result<(), String> {
        let mut value: HeaderValue = headers::value(text.expose_secret()).ok_or_else(|| {
            let fields: Vec<String> = template.fields().map(|field| format!("`{field}`")).collect();
            format!(
                "its field {} contains a line break or another character that the header `{name}` cannot carry; tell \
                 the user to store it again without, on one line and as plain ASCII",
                fields.join(" or ")
            )
        })?;
        value.set_sensitive(true);
        self.headers.insert(name, value);
        self.derived.push((text, 0));
        Ok(())
    }

    /// A scrubber of the credential, as the vault stores it and as the request carries it.
    fn scrubber(&self, credential: &Credential) -> Scrubber {
        let fields = credential.secret.fields.iter().map(|(name, value)| {
            let value = value.expose_secret();
            (value, if self.of_user_name.contains(name) { value.len() } else { 0 })
        });
        let derived = self.derived.iter().map(|(text, known)| (text.expose_secret(), *known));
        Scrubber::with_known_beginnings(fields.chain(derived))
    }

    /// Puts the credential on a request to `url`.
    ///
    /// # Errors
    ///
    /// If it would be sent over plain `http` to another machine, and `insecure_http` does not allow that.
    pub(super) fn apply(
        &self,
        url: &mut Url,
        headers: &mut HeaderMap,
        insecure_http: bool,
    ) -> Result<(), PlainHttp> {
        if url.scheme() != "https" && !insecure_http && !is_loopback(url) {
            return Err(PlainHttp);
        }
        headers.extend(self.headers.clone());
        if !self.query.is_empty() {
            let kept: Vec<(String, String)> = url
                .query_pairs()
                .filter(|(name, _)| !self.query.iter().any(|(own, _)| own == name))
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect();
            let mut query = Zeroizing::new(String::new());
            for (name, value) in kept {
                push_pair(&mut query, &name, &value);
            }
            for (name, text) in &self.query {
                push_pair(&mut query, name, text.expose_secret());
            }
            url.set_query(Some(&query));
        }
        Ok(())
    }
}

fn prefixed(scheme: &str, text: &SecretString) -> SecretString {
    format!("{scheme}{}", text.expose_secret()).into()
}

#[cfg(test)]
mod tests;
