//! What an attacked server works with: services, vaults, and the confines of a container.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use cofferdam_servers::MemoryLimit;

use super::confinement::{MEMORY, wrapper};
use super::hostile_client::HostileClient;
use super::hostile_service::HostileService;
use super::modules::{self, HONEST, HUNG, Parts};
use super::name_server::{ANSWERED, NameServer};
use super::vault_proxy::{Hanging, VaultProxy};
use super::{Failed, Program, attackers};
use crate::FakeService;
use crate::blast_radius::age_file::AgeFile;
use crate::blast_radius::profile;
use crate::blast_radius::server::Server;
use crate::blast_radius::vault::{HashicorpVault, socket};

/// The servers and files around an attacked server.
pub struct Fixture {
    folder: tempfile::TempDir,
    client: reqwest::Client,
    vault: HashicorpVault,
    /// Before the honest module's vault.
    honest_vault: VaultProxy,
    /// Before the vault that hangs.
    hung_vault: VaultProxy,
    hostile: HostileService,
    age: AgeFile,
    /// Runs as long as the fixture.
    _service: FakeService,
}

/// What a server is started with, beside its profile.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Conditions {
    /// `max_calls` of the profile. `None`: the default.
    pub(crate) max_calls: Option<usize>,
    /// The soft and the hard limit of open files. `None`: those of this process.
    pub(crate) descriptors: Option<u32>,
    /// Whether it has name servers of its own, which know the honest vault and are silent about other names.
    pub(crate) own_names: bool,
}

/// A server under the memory limit of the shipped deployments.
pub(crate) struct AttackedServer {
    // It ends before its group of processes is removed.
    server: Server,
    memory: MemoryLimit,
    _names: Option<NameServer>,
}

impl Fixture {
    /// Starts everything. Takes some seconds, or minutes if Vault has to be built first.
    ///
    /// # Errors
    ///
    /// If Vault cannot be had, or something does not start.
    pub async fn start() -> Result<Self, Failed> {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build()?;
        let folder = tempfile::Builder::new().prefix("cofferdam-attacks-").tempdir()?;
        let vault = HashicorpVault::start(client.clone()).await?;
        for module in [HONEST[2], HUNG] {
            vault.put(module, &profile::token(module)).await?;
        }
        let address = vault.address()?;
        let honest_vault = VaultProxy::start(client.clone(), address).await?;
        let hung_vault = attackers::start(VaultProxy::start(client.clone(), address)).await?;
        let hostile = attackers::start(HostileService::start()).await?;
        let tokens = HONEST.map(|module| (profile::token(module), profile::login(module)));
        let tokens: Vec<_> = tokens.iter().map(|(token, login)| (token.as_str(), login.as_str())).collect();
        let service = FakeService::start(&tokens).await;
        let age = AgeFile::make(folder.path(), &profile::token("age"))?;
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("modules"))?;
        let honest = HONEST.map(|module| (module, profile::manifest(module, &service.url())));
        for (module, manifest) in honest.into_iter().chain(modules::manifests(hostile.url())) {
            fs::write(at(&format!("modules/{module}.toml")), manifest)?;
        }
        let private = cofferdam::os::write_private_file;
        private(&at("secret-id"), vault.secret_id.as_bytes())?;
        private(&at(".env"), modules::variables().as_bytes())?;
        Ok(Self { folder, client, vault, honest_vault, hung_vault, hostile, age, _service: service })
    }

    /// Starts a server. `settings` are those of the honest vaults.
    pub(crate) async fn serve(
        &self,
        program: &Program,
        conditions: Conditions,
        settings: &str,
    ) -> Result<AttackedServer, Failed> {
        let names = match conditions.own_names {
            true => Some(NameServer::start(self.folder.path()).await?),
            false => None,
        };
        let host = if names.is_some() { format!("vault.{ANSWERED}") } else { "127.0.0.1".to_owned() };
        let (file, key) = self.age.paths();
        let mut age = String::from("backend = \"age\"\n");
        // Writing to a String cannot fail.
        let _ = write!(age, "file = '{}'\nidentity_file = '{}'", file.display(), key.display());
        let text = modules::profile(&Parts {
            max_calls: conditions.max_calls,
            settings,
            age: &age,
            vault: &format!("{host}:{}", self.honest_vault.port()),
            hung_vault: &format!("127.0.0.1:{}", self.hung_vault.port()),
            role_id: &self.vault.role_id,
            service: self.hostile.url(),
        });
        let path = self.folder.path().join("profile.toml");
        fs::write(&path, text)?;
        let memory = MemoryLimit::new(MEMORY)?;
        let resolv_conf = names.as_ref().map(NameServer::resolv_conf);
        let words = wrapper(&memory, conditions.descriptors, resolv_conf)?;
        let server = Server::launch(&mut program.serve_through(&words, &path), self.client.clone())?;
        Ok(AttackedServer { server, memory, _names: names })
    }

    /// Lets the vault of a module hang until the returned value is dropped.
    pub(super) fn hang_vault(&self) -> Hanging {
        self.hung_vault.hang()
    }
}

impl AttackedServer {
    /// The URL of `/mcp`.
    pub(crate) fn mcp(&self) -> &str {
        &self.server.mcp
    }

    /// The URL of the callers' listener, without a slash at the end.
    pub(crate) fn public_url(&self) -> &str {
        self.server.mcp.trim_end_matches("/mcp")
    }

    /// The URL of the operator's listener, without a slash at the end.
    pub(crate) fn admin_url(&self) -> &str {
        &self.server.admin
    }

    /// The address of the callers' listener.
    pub(super) fn public(&self) -> Result<SocketAddr, Failed> {
        socket(self.public_url())
    }

    /// The address of the operator's listener.
    pub(super) fn admin(&self) -> Result<SocketAddr, Failed> {
        socket(self.admin_url())
    }

    /// A caller without good intentions.
    pub(super) fn hostile_client(&self) -> Result<HostileClient, Failed> {
        HostileClient::new(self.mcp())
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.server.id()
    }

    /// Whether the process still runs.
    pub(crate) fn is_running(&mut self) -> Result<bool, Failed> {
        self.server.is_running()
    }

    /// How often the kernel has killed it because of its memory.
    pub(crate) fn kills(&self) -> Result<u64, Failed> {
        Ok(self.memory.kills()?)
    }

    /// The most memory that it has used so far, in bytes.
    pub(crate) fn peak(&self) -> Result<u64, Failed> {
        Ok(self.memory.peak()?)
    }
}
