//! Where the server and the login come from.

use cofferdam_vault::{ConfiguredFile, VaultError};

use crate::kubeconfig;
use crate::pod::Pod;
use crate::target::Target;

/// What the settings name.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// A context of a kubeconfig; `None` is its current one.
    Kubeconfig { file: ConfiguredFile, context: Option<String> },
    /// The service account of the pod.
    Pod(Pod),
}

impl Source {
    /// Reads the server and the login. Blocks, so it runs on [`Threads`](cofferdam_vault::Threads).
    ///
    /// # Errors
    ///
    /// `Misconfigured` or `Unavailable`, with scope vault. The message holds no secret.
    pub(crate) fn load(&self, namespace: Option<&str>) -> Result<Target, VaultError> {
        match self {
            Self::Kubeconfig { file, context } => kubeconfig::load(file, context.as_deref()),
            Self::Pod(pod) => pod.load(namespace),
        }
    }

    /// Where the Secrets are, fit for a log.
    pub(crate) fn location(&self, namespace: Option<&str>) -> String {
        let context = |context: &Option<String>| match context {
            Some(name) => format!("the context `{name}` of "),
            None => String::new(),
        };
        match (self, namespace) {
            (Self::Kubeconfig { file, context: name }, Some(namespace)) => {
                format!("namespace `{namespace}` by {}{file}", context(name))
            }
            (Self::Kubeconfig { file, context: name }, None) => {
                format!("the namespace of {}{file}", context(name))
            }
            (Self::Pod(_), Some(namespace)) => format!("namespace `{namespace}` of this pod's cluster"),
            (Self::Pod(_), None) => "the namespace of this pod".to_owned(),
        }
    }

    /// What a login is made with, for [`VaultInfo::sources`](cofferdam_vault::VaultInfo::sources).
    pub(crate) fn sources(&self, namespace: Option<&str>) -> Vec<String> {
        match self {
            Self::Kubeconfig { file, .. } => vec![format!("{file} and the files that it names")],
            Self::Pod(pod) => pod.sources(namespace.is_none()),
        }
    }
}
