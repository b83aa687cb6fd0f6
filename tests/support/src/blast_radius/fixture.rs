//! The world around the server under test: four vaults on real servers, proxies before the network ones, and a service
//! that checks the tokens. Made once for a run; a scenario leaves it as it found it.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use tokio_util::task::AbortOnDropHandle;

use super::age_file::AgeFile;
use super::cloud::{CREDENTIALS, Cloud, refusal};
use super::front::{Front, Scripted};
use super::hashi::Hashi;
use super::plan::{CACHE_OFF, CACHE_ON};
use super::profile::{self, MODULES};
use super::toxics::{Proxy, Toxics};
use super::{Failed, Fault, Plan, Scenario, Target};
use crate::service::Service;

/// How long a flapping vault is up, and how long down.
const FLAP: Duration = Duration::from_secs(1);

/// The world.
pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) client: reqwest::Client,
    pub(crate) hashi: Hashi,
    pub(crate) toxics: Toxics,
    /// Runs as long as the world.
    _service: Service,
    cloud: Cloud,
    age: AgeFile,
    hashi_way: Way,
    aws_way: Way,
    flapping: Option<AbortOnDropHandle<()>>,
}

/// How a network vault is reached.
struct Way {
    front: Front,
    proxy: Proxy,
}

impl World {
    /// Starts everything. Takes some seconds, and minutes where a server has to be built first.
    pub(crate) async fn start() -> Result<Self, Failed> {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?;
        let folder = tempfile::Builder::new().prefix("cofferdam-blast-").tempdir()?;
        let toxics = Toxics::start(client.clone())?;
        let hashi = Hashi::start(client.clone()).await?;
        let cloud = Cloud::start(client.clone(), &profile::token("aws")).await?;
        hashi.put("hashicorp", &profile::token("hashicorp")).await?;
        let hashi_way = Way::to(&toxics, "hashicorp", hashi.address()?).await?;
        let aws_way = Way::to(&toxics, "aws", cloud.address()?).await?;
        let tokens = MODULES.map(|module| (profile::token(module), profile::login(module)));
        let tokens: Vec<_> = tokens.iter().map(|(token, login)| (token.as_str(), login.as_str())).collect();
        let service = Service::start(&tokens).await;
        let age = AgeFile::make(folder.path(), &profile::token("age"))?;
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("modules"))?;
        for module in MODULES {
            let manifest = profile::manifest(module, &service.url());
            fs::write(at(&format!("modules/{module}.toml")), manifest)?;
        }
        let private = cofferdam::os::write_private_file;
        private(&at("secret-id"), hashi.secret_id.as_bytes())?;
        private(&at("aws-credentials"), CREDENTIALS.as_bytes())?;
        private(&at(".env"), format!("BLAST_ENV_TOKEN={}\n", profile::token("env")).as_bytes())?;
        let flapping = None;
        Ok(Self {
            folder,
            client,
            hashi,
            toxics,
            _service: service,
            cloud,
            age,
            hashi_way,
            aws_way,
            flapping,
        })
    }

    /// Readies what a scenario needs before its server starts; answers the profile's file.
    pub(crate) fn prepare(&mut self, plan: &Plan, scenario: Scenario) -> Result<PathBuf, Failed> {
        self.age.prepare(scenario.fault)?;
        let (file, key) = self.age.paths();
        let mut text = profile::SERVER.to_owned();
        let walls = format!("{}{}", plan.walls, if scenario.cache { CACHE_ON } else { CACHE_OFF });
        let mut add = |module: &str, settings: &str| {
            profile::vault_and_module(&mut text, module, settings, &walls);
        };
        add("env", "backend = \"env\"\nprefix = \"BLAST\"\ndotenv = \".env\"");
        let mut age = String::from("backend = \"age\"\n");
        // Writing to a String cannot fail.
        let _ = write!(age, "file = '{}'\nidentity_file = '{}'", file.display(), key.display());
        add("age", &age);
        let address = self.hashi_way.front.address.to_string();
        add("hashicorp", &profile::hashicorp(&address, &self.hashi.role_id));
        add(
            "aws",
            &format!(
                "backend = \"aws\"\nregion = \"eu-central-1\"\nendpoint = \"http://{}\"\n\
                 credentials_file = \"aws-credentials\"",
                self.aws_way.front.address
            ),
        );
        let path = self.folder.path().join("site.toml");
        fs::write(&path, text)?;
        Ok(path)
    }

    /// The front before a network vault; a file has none.
    pub(crate) fn front(&self, target: Target) -> Option<&Front> {
        match target {
            Target::Hashicorp => Some(&self.hashi_way.front),
            Target::Aws => Some(&self.aws_way.front),
            Target::Age => None,
        }
    }

    /// Makes the vault fail.
    pub(crate) async fn inject(&mut self, Scenario { target, fault, .. }: Scenario) -> Result<(), Failed> {
        let way = match target {
            Target::Age => return self.age.break_by(fault),
            Target::Hashicorp => &self.hashi_way,
            Target::Aws => &self.aws_way,
        };
        match (fault, target) {
            (Fault::Stopped | Fault::StoppedAtStart, Target::Hashicorp) => self.hashi.kill(),
            (Fault::Stopped | Fault::StoppedAtStart, _) => self.cloud.kill(),
            (Fault::BlackHole, _) => way.proxy.swallow().await?,
            (Fault::Latency, _) => way.proxy.toxic("latency", json!({ "latency": 5000 })).await?,
            (Fault::Reset, _) => way.proxy.toxic("reset_peer", json!({ "timeout": 0 })).await?,
            // One byte each 50 ms: the head alone takes longer than an attempt may.
            (Fault::SlowDrip, _) => {
                let drip = json!({ "average_size": 1, "size_variation": 0, "delay": 50_000 });
                way.proxy.toxic("slicer", drip).await?;
            }
            (Fault::Flapping, _) => self.flapping = Some(flap(way.proxy.clone())),
            (Fault::Garbage, _) => way.front.answer(Some(garbage())),
            (Fault::Sealed, Target::Hashicorp) => self.hashi.seal().await?,
            (Fault::PolicyRemoved, Target::Hashicorp) => self.hashi.set_policy(false).await?,
            (Fault::Throttled, Target::Hashicorp) => self.hashi.set_quota(true).await?,
            (Fault::Sealed, _) => way.front.answer(Some(refusal(
                "DecryptionFailure",
                "Secrets Manager can't decrypt the protected secret text using the provided KMS key.",
            ))),
            (Fault::PolicyRemoved, _) => way.front.answer(Some(refusal(
                "AccessDeniedException",
                "User is not authorized to perform: secretsmanager:GetSecretValue",
            ))),
            (Fault::Throttled, _) => way.front.answer(Some(refusal("ThrottlingException", "Rate exceeded"))),
            _ => return Err(format!("{target} cannot be made `{fault}`").into()),
        }
        Ok(())
    }

    /// Makes the vault well again; when this returns, it is.
    pub(crate) async fn mend(&mut self, Scenario { target, fault, .. }: Scenario) -> Result<(), Failed> {
        self.flapping = None;
        match (fault, target) {
            (_, Target::Age) => self.age.mend()?,
            (Fault::Stopped | Fault::StoppedAtStart, Target::Hashicorp) => self.hashi.revive()?,
            (Fault::Stopped | Fault::StoppedAtStart, _) => {
                self.cloud.revive().await?;
                self.aws_way.proxy.lead_to(self.cloud.address()?).await?;
            }
            (Fault::Sealed, Target::Hashicorp) => self.hashi.unseal()?,
            (Fault::PolicyRemoved, Target::Hashicorp) => self.hashi.set_policy(true).await?,
            (Fault::Throttled, Target::Hashicorp) => self.hashi.set_quota(false).await?,
            _ => {
                self.toxics.heal().await?;
                self.hashi_way.front.answer(None);
                self.aws_way.front.answer(None);
            }
        }
        Ok(())
    }

    /// Takes back what was readied for a scenario.
    pub(crate) fn restore(&mut self) -> Result<(), Failed> {
        self.age.restore()
    }
}

impl Way {
    async fn to(toxics: &Toxics, name: &str, server: std::net::SocketAddr) -> Result<Self, Failed> {
        let proxy = toxics.proxy(name, server).await?;
        Ok(Self { front: Front::start(proxy.listen).await?, proxy })
    }
}

/// Takes the proxy down and up in turn, beginning at once.
fn flap(proxy: Proxy) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        for up in [false, true].into_iter().cycle() {
            // It is on loopback and takes every such request; if it did not, the vault would simply not flap.
            let _ = proxy.enable(up).await;
            tokio::time::sleep(FLAP).await;
        }
    }))
}

/// What some other program behind the vault's address might say.
fn garbage() -> Scripted {
    Scripted {
        status: "200 OK",
        content_type: "application/json",
        body: b"\xff\xfe{\"data\": garbage \x00\x01".to_vec(),
    }
}
