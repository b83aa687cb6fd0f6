//! What the server under test works with: five vaults on real servers, proxies before those on a network, a further vault if
//! the scenario is about it, and a service that checks the tokens. Created once per run; a scenario leaves it as it was.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use tokio_util::task::AbortOnDropHandle;

use super::added::{self, AddedVault};
use super::age_file::AgeFile;
use super::aws::{CREDENTIALS, SecretsManager, error_response};
use super::kubernetes::{self, Cluster};
use super::plan::{CACHE_OFF, CACHE_ON};
use super::profile::{self, MODULES};
use super::proxy::{CountingProxy, ScriptedResponse};
use super::toxics::{Proxy, Toxics};
use super::vault::HashicorpVault;
use super::{Failed, Fault, Plan, Scenario, Target};
use crate::FakeService;

/// How long a flapping vault is up, and how long it is down.
const FLAP: Duration = Duration::from_secs(1);

/// The servers and files around the server under test.
pub struct Fixture {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) client: reqwest::Client,
    pub(crate) vault: HashicorpVault,
    pub(crate) toxics: Toxics,
    /// Runs as long as the fixture.
    _service: FakeService,
    aws: SecretsManager,
    age: AgeFile,
    cluster: Cluster,
    vault_route: Route,
    aws_route: Route,
    cluster_route: Route,
    flapping: Option<AbortOnDropHandle<()>>,
    added: Option<Box<dyn AddedVault>>,
}

/// The way to a vault on a network.
struct Route {
    counting: CountingProxy,
    proxy: Proxy,
}

impl Fixture {
    /// Starts everything. Takes some seconds, or minutes if a server has to be built first.
    ///
    /// # Errors
    ///
    /// If a server cannot be had, or does not start.
    pub async fn start() -> Result<Self, Failed> {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?;
        let folder = tempfile::Builder::new().prefix("cofferdam-blast-").tempdir()?;
        let toxics = Toxics::start(client.clone())?;
        let vault = HashicorpVault::start(client.clone()).await?;
        let aws = SecretsManager::start(client.clone(), &profile::token("aws")).await?;
        vault.put("hashicorp", &profile::token("hashicorp")).await?;
        let vault_route = Route::to(&toxics, "hashicorp", vault.address()?).await?;
        let aws_route = Route::to(&toxics, "aws", aws.address()?).await?;
        let cluster = Cluster::start(&profile::token("kubernetes")).await?;
        let cluster_route = Route::to(&toxics, "kubernetes", cluster.front).await?;
        let added = Target::ALL.into_iter().filter(|target| target.is_added()).map(Target::module);
        let modules: Vec<&str> = MODULES.into_iter().chain(added).collect();
        let tokens: Vec<_> =
            modules.iter().map(|module| (profile::token(module), profile::login(module))).collect();
        let tokens: Vec<_> = tokens.iter().map(|(token, login)| (token.as_str(), login.as_str())).collect();
        let service = FakeService::start(&tokens).await;
        let age = AgeFile::make(folder.path(), &profile::token("age"))?;
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("modules"))?;
        for module in modules {
            let manifest = profile::manifest(module, &service.url());
            fs::write(at(&format!("modules/{module}.toml")), manifest)?;
        }
        let private = cofferdam::os::write_private_file;
        private(&at("secret-id"), vault.secret_id.as_bytes())?;
        private(&at("aws-credentials"), CREDENTIALS.as_bytes())?;
        private(&at(".env"), format!("BLAST_ENV_TOKEN={}\n", profile::token("env")).as_bytes())?;
        let (flapping, added) = (None, None);
        Ok(Self {
            folder,
            client,
            vault,
            toxics,
            _service: service,
            aws,
            age,
            cluster,
            vault_route,
            aws_route,
            cluster_route,
            flapping,
            added,
        })
    }

    /// Prepares what a scenario needs before its server starts; returns the profile's file.
    pub(crate) fn prepare(&mut self, plan: &Plan, scenario: Scenario) -> Result<PathBuf, Failed> {
        if scenario.target == Target::Age {
            self.age.prepare(scenario.fault)?;
        }
        self.added = added::start(scenario.target, self.folder.path())?;
        let (file, key) = self.age.paths();
        let mut text = profile::SERVER.to_owned();
        let settings = format!("{}{}", plan.settings, if scenario.cache { CACHE_ON } else { CACHE_OFF });
        let mut add = |module: &str, own: &str| {
            profile::vault_and_module(&mut text, module, own, &settings);
        };
        add("env", "backend = \"env\"\nprefix = \"BLAST\"\ndotenv = \".env\"");
        let mut age = String::from("backend = \"age\"\n");
        // Writing to a String cannot fail.
        let _ = write!(age, "file = '{}'\nidentity_file = '{}'", file.display(), key.display());
        add("age", &age);
        let address = self.vault_route.counting.address.to_string();
        add("hashicorp", &profile::hashicorp(&address, &self.vault.role_id));
        add(
            "aws",
            &format!(
                "backend = \"aws\"\nregion = \"eu-central-1\"\nendpoint = \"http://{}\"\n\
                 credentials_file = \"aws-credentials\"",
                self.aws_route.counting.address
            ),
        );
        let kubernetes = self.cluster.settings(self.folder.path(), self.cluster_route.counting.address);
        add("kubernetes", &kubernetes);
        if let Some(vault) = &self.added {
            add(scenario.target.module(), &vault.settings());
        }
        let path = self.folder.path().join("profile.toml");
        fs::write(&path, text)?;
        Ok(path)
    }

    /// The counting proxy before a vault on a network; others have none.
    pub(crate) fn proxy(&self, target: Target) -> Option<&CountingProxy> {
        match target {
            Target::Hashicorp => Some(&self.vault_route.counting),
            Target::Aws => Some(&self.aws_route.counting),
            Target::Kubernetes => Some(&self.cluster_route.counting),
            Target::Age | Target::Keychain | Target::Command | Target::Sops => None,
        }
    }

    /// How many processes still run that the program of the further vault has started; `None` if it starts none.
    pub(crate) fn children(&self) -> Option<usize> {
        self.added.as_ref()?.children()
    }

    /// Makes the vault fail.
    pub(crate) async fn inject(&mut self, Scenario { target, fault, .. }: Scenario) -> Result<(), Failed> {
        if let Some(vault) = &mut self.added {
            return vault.break_by(fault);
        }
        let route = match target {
            Target::Age => return self.age.break_by(fault),
            Target::Hashicorp => &self.vault_route,
            Target::Kubernetes => &self.cluster_route,
            _ => &self.aws_route,
        };
        match (fault, target) {
            (Fault::Stopped | Fault::StoppedAtStart, Target::Hashicorp) => self.vault.kill(),
            (Fault::Stopped | Fault::StoppedAtStart, Target::Kubernetes) => self.cluster.kill(),
            (Fault::Stopped | Fault::StoppedAtStart, _) => self.aws.kill(),
            (Fault::BlackHole, _) => route.proxy.swallow().await?,
            (Fault::Latency, _) => route.proxy.toxic("latency", json!({ "latency": 5000 })).await?,
            (Fault::Reset, _) => route.proxy.toxic("reset_peer", json!({ "timeout": 0 })).await?,
            // One byte each 50 ms: the head alone takes longer than the timeout of an attempt.
            (Fault::SlowDrip, _) => {
                let drip = json!({ "average_size": 1, "size_variation": 0, "delay": 50_000 });
                route.proxy.toxic("slicer", drip).await?;
            }
            (Fault::Flapping, _) => self.flapping = Some(flap(route.proxy.clone())),
            (Fault::Garbage, _) => route.counting.respond(Some(garbage())),
            (Fault::Sealed, Target::Hashicorp) => self.vault.seal().await?,
            (Fault::PolicyRemoved, Target::Hashicorp) => self.vault.set_policy(false).await?,
            (Fault::Throttled, Target::Hashicorp) => self.vault.set_quota(true).await?,
            (Fault::Throttled, Target::Kubernetes) => route.counting.respond(Some(kubernetes::throttled())),
            (Fault::WatchBroken, Target::Kubernetes) => self.cluster.break_watches(true),
            (Fault::TokenExpired, Target::Kubernetes) => self.cluster.set_login(self.folder.path(), false),
            (Fault::Sealed, _) => route.counting.respond(Some(error_response(
                "DecryptionFailure",
                "Secrets Manager can't decrypt the protected secret text using the provided KMS key.",
            ))),
            (Fault::PolicyRemoved, _) => route.counting.respond(Some(error_response(
                "AccessDeniedException",
                "User is not authorized to perform: secretsmanager:GetSecretValue",
            ))),
            (Fault::Throttled, _) => {
                route.counting.respond(Some(error_response("ThrottlingException", "Rate exceeded")))
            }
            _ => return Err(format!("{target} cannot be made `{fault}`").into()),
        }
        Ok(())
    }

    /// Repairs the vault; it works when this returns.
    pub(crate) async fn repair(&mut self, Scenario { target, fault, .. }: Scenario) -> Result<(), Failed> {
        self.flapping = None;
        if let Some(vault) = &mut self.added {
            return vault.repair();
        }
        match (fault, target) {
            (_, Target::Age) => self.age.repair()?,
            (Fault::Stopped | Fault::StoppedAtStart, Target::Hashicorp) => self.vault.revive()?,
            (Fault::Stopped | Fault::StoppedAtStart, Target::Kubernetes) => self.cluster.revive().await?,
            (Fault::WatchBroken, Target::Kubernetes) => self.cluster.break_watches(false),
            (Fault::TokenExpired, Target::Kubernetes) => self.cluster.set_login(self.folder.path(), true),
            (Fault::Stopped | Fault::StoppedAtStart, _) => {
                self.aws.revive().await?;
                self.aws_route.proxy.set_upstream(self.aws.address()?).await?;
            }
            (Fault::Sealed, Target::Hashicorp) => self.vault.unseal()?,
            (Fault::PolicyRemoved, Target::Hashicorp) => self.vault.set_policy(true).await?,
            (Fault::Throttled, Target::Hashicorp) => self.vault.set_quota(false).await?,
            _ => {
                self.toxics.heal().await?;
                self.vault_route.counting.respond(None);
                self.aws_route.counting.respond(None);
                self.cluster_route.counting.respond(None);
            }
        }
        Ok(())
    }

    /// Undoes [`Fixture::prepare`].
    pub(crate) fn restore(&mut self) -> Result<(), Failed> {
        self.added = None;
        self.age.restore()
    }
}

impl Route {
    async fn to(toxics: &Toxics, name: &str, server: std::net::SocketAddr) -> Result<Self, Failed> {
        let proxy = toxics.proxy(name, server).await?;
        Ok(Self { counting: CountingProxy::start(proxy.listen).await?, proxy })
    }
}

/// Disables and enables the proxy in turn, beginning at once.
fn flap(proxy: Proxy) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        for up in [false, true].into_iter().cycle() {
            // If the request failed, the vault would not flap and the scenario would report it.
            let _ = proxy.enable(up).await;
            tokio::time::sleep(FLAP).await;
        }
    }))
}

/// A response of some other program at the vault's address.
fn garbage() -> ScriptedResponse {
    ScriptedResponse {
        status: "200 OK",
        content_type: "application/json",
        body: b"\xff\xfe{\"data\": garbage \x00\x01".to_vec(),
    }
}
