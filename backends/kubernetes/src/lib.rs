//! Backend `kubernetes`: the Secrets of a namespace, through the Kubernetes API.
//!
//! The secret `github/work` is the Secret `github.work`, and its field `token` the key `token` of the Secret's `data`.
//! `names` says what other paths become. A Secret of that name is read whoever made it. What this backend writes has the
//! label `cofferdam/write`, whose value differs for each write, so that no version repeats.
//!
//! The login is a kubeconfig, or the service account of the pod that this process runs in. A version is the Secret's `uid` and
//! its `resourceVersion`. A Secret that is being deleted counts as absent.
//!
//! The crate `kube` is not used: its client has retries, a cache of its own for the kubeconfig, programs that it runs for
//! a login, and name look-ups in the runtime's pool. What is needed of the API are ten requests.
//!
//! In reading order:
//!
//! - `config`: the keys of a profile's table
//! - `backend`: the [`Vault`](cofferdam_vault::Vault) and [`BackendConfig`](cofferdam_vault::BackendConfig) traits
//! - `names`: from paths to names of Secrets and back
//! - `api`: the requests
//! - `status`: the errors of their responses
//! - `object`: Secrets as the API describes them
//! - `source`, `kubeconfig`, `pod`: where the server and the login, a `target`, come from
//! - `connection`: the client with that login
//! - `write`, `list`, `watch`, `diagnose`: what takes more than one request
//!
//! # Copies of secrets
//!
//! Bodies of responses and requests are wiped on drop, and so is the content of a kubeconfig. Each value is copied once, into
//! its `SecretString`. Not wiped are the chunks of a response and the connection's buffers in `hyper` and `rustls`, and
//! what `serde-saphyr` keeps while it parses a kubeconfig. The annotation of `kubectl apply` contains the values of a Secret.
//! It is part of metadata too, and is skipped without a copy.

mod api;
mod backend;
mod config;
mod connection;
mod diagnose;
mod kubeconfig;
mod list;
mod names;
mod object;
mod pod;
mod source;
mod status;
mod target;
mod watch;
mod write;

pub use config::Config;
