//! Puts a credential onto a request, just before it leaves.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cofferdam_vault::{ExposeSecret, SecretString};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;
use zeroize::Zeroizing;

use super::CallFailure;
use super::address::is_loopback;
use super::encode::{push_encoded, push_pair};
use super::headers;
use crate::broker::{Credential, CredentialSpec, CredentialTemplate};
use crate::connectors::Scrubber;

/// A credential as it goes onto the requests of one call.
pub(super) struct Filled {
    headers: HeaderMap,
    query: Vec<(String, SecretString)>,
    /// What was made of the fields, for the scrubber.
    made: Vec<SecretString>,
}

impl Filled {
    /// Fills the places that `spec` names.
    ///
    /// # Errors
    ///
    /// [`CallFailure::CredentialUnusable`] where a field is missing or empty, or cannot stand where it belongs.
    pub(super) fn new(spec: &CredentialSpec, credential: &Credential) -> Result<Self, CallFailure> {
        let (in_header, in_basic) = match spec {
            CredentialSpec::Bearer { .. } | CredentialSpec::Header { .. } => (true, false),
            CredentialSpec::Basic { .. } => (false, true),
            CredentialSpec::Query { .. } => (false, false),
        };
        for field in spec.fields() {
            let text = credential.secret.expose(&field).unwrap_or_default();
            // A user name alone may be the whole credential: then the password is there, and empty.
            if text.is_empty() && !(in_basic && credential.secret.expose(&field).is_some()) {
                return Err(unusable(format!("the secret has no text in its field `{field}`")));
            }
            if in_header && text.trim() != text {
                return Err(unusable(format!(
                    "the secret's `{field}` starts or ends with a space or a line break; store it anew without"
                )));
            }
        }
        let mut filled = Self { headers: HeaderMap::new(), query: Vec::new(), made: Vec::new() };
        match spec {
            CredentialSpec::Bearer { token } => {
                filled.header(AUTHORIZATION, prefixed("Bearer ", &token.fill(credential)), token)?;
            }
            CredentialSpec::Header { headers: templates } => {
                for (name, template) in templates {
                    let header = headers::fillable(name).map_err(unusable)?;
                    filled.header(header, template.fill(credential), template)?;
                }
            }
            CredentialSpec::Query { params } => {
                for (name, template) in params {
                    let text = template.fill(credential);
                    // As it stands on the wire: a service that reflects the request's line may encode it again.
                    let mut encoded = Zeroizing::new(String::new());
                    push_encoded(&mut encoded, text.expose_secret());
                    filled.made.push(SecretString::from(encoded.as_str()));
                    filled.made.push(text.clone());
                    filled.query.push((name.clone(), text));
                }
            }
            CredentialSpec::Basic { username, password } => filled.basic(username, password, credential)?,
        }
        Ok(filled)
    }

    fn basic(
        &mut self,
        username: &CredentialTemplate,
        password: &CredentialTemplate,
        credential: &Credential,
    ) -> Result<(), CallFailure> {
        let name = username.fill(credential);
        if name.expose_secret().contains(':') {
            return Err(unusable("the user name holds a `:`, which a basic credential cannot carry".into()));
        }
        let word = password.fill(credential);
        if name.expose_secret().is_empty() && word.expose_secret().is_empty() {
            return Err(unusable("the secret's user name and password are both empty".into()));
        }
        let pair = SecretString::from(format!("{}:{}", name.expose_secret(), word.expose_secret()));
        let encoded = Zeroizing::new(STANDARD.encode(pair.expose_secret()));
        self.made.push(pair);
        self.made.push(SecretString::from(encoded.as_str().to_owned()));
        self.header(
            AUTHORIZATION,
            prefixed("Basic ", &SecretString::from(encoded.as_str().to_owned())),
            password,
        )
    }

    fn header(
        &mut self,
        name: HeaderName,
        text: SecretString,
        template: &CredentialTemplate,
    ) -> Result<(), CallFailure> {
        let mut value: HeaderValue = headers::value(text.expose_secret()).ok_or_else(|| {
            let fields: Vec<String> = template.fields().map(|field| format!("`{field}`")).collect();
            unusable(format!(
                "the secret's {} holds a line break or another character that the header `{name}` cannot carry; \
                 store it anew without, on one line and as plain ASCII",
                fields.join(" or ")
            ))
        })?;
        value.set_sensitive(true);
        self.headers.insert(name, value);
        self.made.push(text);
        Ok(())
    }

    /// A scrubber of the credential, as the vault has it and as it goes onto the request.
    pub(super) fn scrubber(&self, credential: &Credential) -> Scrubber {
        Scrubber::new(credential.values().chain(self.made.iter().map(|text| text.expose_secret())))
    }

    /// Puts the credential onto a request to `url`.
    ///
    /// # Errors
    ///
    /// [`CallFailure::Unreachable`] where it would travel over plain `http` beyond loopback.
    pub(super) fn put(
        &self,
        url: &mut Url,
        headers: &mut HeaderMap,
        insecure_http: bool,
    ) -> Result<(), CallFailure> {
        if url.scheme() != "https" && !insecure_http && !is_loopback(url) {
            return Err(CallFailure::unreachable(
                "the service's address is plain `http`, over which no credential travels; use `https`, or allow it \
                 for this module with `insecure_http = true` in the profile"
                    .into(),
            ));
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

fn unusable(message: String) -> CallFailure {
    CallFailure::CredentialUnusable { message }
}

#[cfg(test)]
mod tests;
