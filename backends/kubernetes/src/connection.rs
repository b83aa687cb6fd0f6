//! The client of the API server, with its login.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cofferdam_vault::http::{
    HeaderMap, HeaderValue, HttpClient, HttpSettings, LineReader, Request, Response, SecretHeader, TlsFiles,
    TokenFile, headers,
};
use cofferdam_vault::{ErrorKind, VaultContext, VaultError};

use crate::source::Source;
use crate::target::{Login, Target};

/// Makes connections by the settings. One is kept until it fails: the next request then reads kubeconfig and CA again.
pub(crate) struct Connector {
    source: Source,
    namespace: Option<String>,
    context: VaultContext,
    current: Mutex<Option<Arc<Connection>>>,
}

/// A server with a login and a namespace.
pub(crate) struct Connection {
    http: HttpClient,
    login: Login,
    tls: TlsFiles,
    namespace: String,
    context: VaultContext,
}

impl Connector {
    /// A connector that has opened nothing yet.
    pub(crate) fn new(source: Source, namespace: Option<String>, context: VaultContext) -> Self {
        Self { source, namespace, context, current: Mutex::default() }
    }

    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    pub(crate) fn context(&self) -> &VaultContext {
        &self.context
    }

    /// The connection.
    ///
    /// # Errors
    ///
    /// Those of [`Source::load`].
    pub(crate) async fn get(&self) -> Result<Arc<Connection>, VaultError> {
        if let Some(connection) = &*self.lock() {
            return Ok(Arc::clone(connection));
        }
        let (source, namespace) = (self.source.clone(), self.namespace.clone());
        let target = self.context.threads.run(move || source.load(namespace.as_deref())).await?;
        let connection = Arc::new(Connection::new(target, self.namespace.clone(), &self.context));
        // If two callers connect concurrently, all later calls share the one that is stored.
        Ok(Arc::clone(self.lock().get_or_insert(connection)))
    }

    /// Discards the connection: its login or its server does not work any more.
    pub(crate) fn discard(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Connection>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    fn new(target: Target, namespace: Option<String>, context: &VaultContext) -> Self {
        let Target { address, tls, login, namespace: own } = target;
        let settings = HttpSettings { address, redirects: Vec::new(), tls: tls.clone(), proxies: false };
        let http = HttpClient::new(settings, context);
        Self { http, login, tls, namespace: namespace.unwrap_or(own), context: context.clone() }
    }

    pub(crate) fn http(&self) -> &HttpClient {
        &self.http
    }

    pub(crate) fn login(&self) -> &Login {
        &self.login
    }

    pub(crate) fn tls(&self) -> &TlsFiles {
        &self.tls
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The address, fit for a log.
    pub(crate) fn location(&self) -> &str {
        self.http.location()
    }

    /// Sends `request` and returns the response, whatever its status. The body is of type `content`, and the response of one
    /// of `accept`.
    ///
    /// # Errors
    ///
    /// Those of [`HttpClient::send`], and of reading the token.
    pub(crate) async fn send(
        &self,
        request: &Request,
        content: &'static str,
        accept: &'static str,
    ) -> Result<Response, VaultError> {
        self.http.send(request, self.headers(content, accept).await?).await
    }

    /// Sends `request`, whose response is read line by line.
    ///
    /// # Errors
    ///
    /// As [`Connection::send`].
    pub(crate) async fn open(
        &self,
        request: &Request,
        accept: &'static str,
    ) -> Result<LineReader, VaultError> {
        self.http.open(request, self.headers("application/json", accept).await?).await
    }

    async fn headers(&self, content: &'static str, accept: &'static str) -> Result<HeaderMap, VaultError> {
        let mut all = HeaderMap::new();
        all.insert(headers::ACCEPT, HeaderValue::from_static(accept));
        all.insert(headers::CONTENT_TYPE, HeaderValue::from_static(content));
        let login = match &self.login {
            Login::Certificate => None,
            Login::Token(token) => Some(SecretHeader::new("Bearer ", token)?),
            Login::File(file) => {
                Some(TokenFile::new(file.clone(), self.context.threads.clone()).header().await?)
            }
        };
        all.extend(login.map(|login| (headers::AUTHORIZATION, login.value())));
        Ok(all)
    }

    /// The error of a login that the server rejects.
    pub(crate) fn unauthenticated(&self) -> VaultError {
        let what = match &self.login {
            Login::Certificate => "the client certificate of the kubeconfig".to_owned(),
            Login::Token(_) => "the token of the kubeconfig".to_owned(),
            Login::File(file) => file.to_string(),
        };
        let message = format!("{} rejects the login (401); replace {what}", self.location());
        VaultError::vault(ErrorKind::Unauthenticated, message)
    }
}
