//! The keys of a `[vaults.NAME]` table with `backend = "kubernetes"`.

use std::path::PathBuf;

use cofferdam_config::{Diagnostics, quote};
use cofferdam_vault::{ConfiguredFile, Protection, VaultContext};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::names::is_namespace;
use crate::pod::Pod;
use crate::source::Source;

/// Settings of a vault in a Kubernetes cluster. Relative paths of files are relative to the profile's file.
// No `Debug`: a token may have been pasted where a path belongs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The namespace of the Secrets, for example `"mcp"`. Absent: the namespace of the kubeconfig's context, `default` if it
    /// names none, or that of the pod.
    pub namespace: Option<String>,
    /// The kubeconfig file, with the server and a login that needs no program. It is read at the first request, and again
    /// after a failure. Absent: the service account of the pod that Cofferdam runs in.
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig. Absent: its current context.
    pub context: Option<String>,
}

impl Config {
    /// Where the server and the login come from.
    pub(crate) fn source(&self, context: &VaultContext) -> Source {
        match &self.kubeconfig {
            None => Source::Pod(Pod::of_this_process()),
            Some(path) => Source::Kubeconfig {
                file: ConfiguredFile::new(context.resolve(path), "the kubeconfig", Protection::Secrecy),
                context: self.context.clone(),
            },
        }
    }

    /// Everything that is wrong with the settings by themselves.
    pub(crate) fn diagnostics(&self) -> Diagnostics {
        let mut found = Diagnostics::new();
        if let Some(namespace) = self.namespace.as_ref().filter(|name| !is_namespace(name)) {
            let message = quote::predicate(namespace, "is not the name of a namespace");
            found.error("namespace", message, "write at most 63 of a-z, 0-9 and `-`, as in \"mcp\"");
        }
        found.extend(self.kubeconfig.as_ref().and_then(|path| ConfiguredFile::check("kubeconfig", path)));
        match (&self.kubeconfig, &self.context) {
            (None, Some(_)) => {
                let help = "add `kubeconfig`, or remove `context`";
                found.error("context", "is a part of a kubeconfig, and none is named", help);
            }
            (Some(_), Some(context)) if context.trim().is_empty() => {
                let help = "write a name that `kubectl config get-contexts` lists, or remove it";
                found.error("context", "is empty", help);
            }
            _ => {}
        }
        found
    }
}
