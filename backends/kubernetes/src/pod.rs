//! The service account of the pod that this process runs in, where Kubernetes mounts it in every container.

use std::path::PathBuf;

use cofferdam_vault::http::{Address, Pem, TlsFiles};
use cofferdam_vault::{ConfiguredFile, ErrorKind, ExposeSecret as _, Protection, SecretFormat, VaultError};

use crate::names::is_namespace;
use crate::target::{Login, Target};

/// Where the kubelet mounts the service account.
const FOLDER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The variables with the address of the API server, which the kubelet sets.
const HOST: &str = "KUBERNETES_SERVICE_HOST";
const PORT: &str = "KUBERNETES_SERVICE_PORT";

/// What a pod has of its cluster.
#[derive(Debug, Clone)]
pub(crate) struct Pod {
    host: Option<String>,
    port: Option<String>,
    folder: PathBuf,
}

impl Pod {
    /// The pod of this process. Reads its two variables, and no file.
    pub(crate) fn of_this_process() -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self { host: variable(HOST), port: variable(PORT), folder: FOLDER.into() }
    }

    /// The file with the token, which the kubelet replaces before it expires.
    fn token(&self) -> ConfiguredFile {
        let path = self.folder.join("token");
        ConfiguredFile::new(path, "the token of the service account", Protection::Secrecy)
    }

    fn ca(&self) -> ConfiguredFile {
        let path = self.folder.join("ca.crt");
        ConfiguredFile::new(path, "the CA file of the service account", Protection::Integrity)
    }

    fn namespace(&self) -> ConfiguredFile {
        let path = self.folder.join("namespace");
        ConfiguredFile::new(path, "the namespace of the service account", Protection::Integrity)
    }

    /// The variables and files by name; the namespace's file if it is used.
    pub(crate) fn sources(&self, uses_namespace: bool) -> Vec<String> {
        let variables = [HOST, PORT].map(|name| format!("{name} of the environment"));
        let namespace = uses_namespace.then(|| self.namespace());
        let files = [Some(self.token()), Some(self.ca()), namespace].into_iter().flatten();
        variables.into_iter().chain(files.map(|file| file.to_string())).collect()
    }

    /// The server and the login. Reads the pod's namespace, unless the settings name one.
    pub(crate) fn load(&self, namespace: Option<&str>) -> Result<Target, VaultError> {
        let (Some(host), Some(port)) = (&self.host, &self.port) else {
            return Err(misconfigured(format!(
                "{HOST} and {PORT} are not set, so this process does not run in a pod; name a `kubeconfig`"
            )));
        };
        // An IPv6 address has brackets in a URL.
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let address = Address::parse(HOST, &format!("https://{host}:{port}"), false)
            .map_err(|invalid| misconfigured(invalid.to_string()))?;
        let namespace = match namespace {
            Some(name) => name.to_owned(),
            None => self.read_namespace()?,
        };
        let tls = TlsFiles { ca: Some(Pem::from(self.ca())), ..TlsFiles::default() };
        Ok(Target { address, tls, login: Login::File(self.token()), namespace })
    }

    fn read_namespace(&self) -> Result<String, VaultError> {
        let file = self.namespace();
        let name = file.read_secret(SecretFormat::Word)?.expose_secret().to_owned();
        if is_namespace(&name) {
            Ok(name)
        } else {
            Err(misconfigured(format!("{file} does not hold the name of a namespace; write `namespace`")))
        }
    }
}

fn misconfigured(message: String) -> VaultError {
    VaultError::vault(ErrorKind::Misconfigured, message)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn pod(host: Option<&str>, folder: &Path) -> Pod {
        Pod { host: host.map(str::to_owned), port: Some("443".to_owned()), folder: folder.to_owned() }
    }

    #[test]
    fn the_server_and_the_namespace_are_those_of_the_pod() {
        let folder = tempfile::tempdir().unwrap();
        let pod_at = |host| pod(Some(host), folder.path()).load(None);
        assert_eq!(pod_at("10.0.0.1").unwrap_err().kind(), ErrorKind::Misconfigured, "no namespace");
        std::fs::write(folder.path().join("namespace"), "mcp\n").unwrap();
        for (host, base) in [("10.0.0.1", "https://10.0.0.1:443"), ("fd00::1", "https://[fd00::1]:443")] {
            let target = pod_at(host).unwrap();
            // The port 443 is that of the scheme.
            assert_eq!(target.address.base, base.trim_end_matches(":443"));
            assert_eq!(target.namespace, "mcp");
            assert!(matches!(target.login, Login::File(file) if file.path().ends_with("token")));
        }
        std::fs::write(folder.path().join("namespace"), "a/../b").unwrap();
        assert_eq!(pod_at("10.0.0.1").unwrap_err().kind(), ErrorKind::Misconfigured);
        assert_eq!(pod(Some("10.0.0.1"), folder.path()).load(Some("own")).unwrap().namespace, "own");
    }

    #[test]
    fn outside_of_a_pod_the_error_says_what_to_do() {
        let error = pod(None, Path::new("/absent")).load(Some("mcp")).unwrap_err();
        assert!(error.kind() == ErrorKind::Misconfigured && error.message().contains("`kubeconfig`"));
    }
}
