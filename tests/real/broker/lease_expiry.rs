//! Database logins with short leases, under load: nobody's login ends under his hands, and none is left behind.

use std::collections::HashSet;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cofferdam_servers::{Postgres, Running};
use cofferdam_vault::Vault;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::hashi::{Server, open};
use crate::world::{DEADLINE, World, cache_off, text, until};

const TTL: Duration = Duration::from_secs(3);
const LONGEST: Duration = Duration::from_secs(8);
/// Long enough for three ends of a longest life.
const LOAD: Duration = Duration::from_secs(27);
const WORKERS: usize = 4;
/// Handed to the process that is killed: the folder with its login, and the vault's settings.
const CHILD: (&str, &str) = ("COFFERDAM_TEST_CHILD_FOLDER", "COFFERDAM_TEST_CHILD_SETTINGS");

/// A Vault that makes logins of a PostgreSQL, and what opens it.
pub(crate) struct Site {
    pub(crate) server: Server,
    pub(crate) postgres: Postgres,
    folder: tempfile::TempDir,
    settings: String,
}

impl Site {
    /// Logins that last `ttl`, and `longest` with all renewals.
    pub(crate) async fn new(ttl: Duration, longest: Duration) -> Self {
        let (server, postgres) = (Server::own(), Postgres::start().unwrap_or_else(|error| panic!("{error}")));
        server.root("POST", "sys/mounts/database", json!({"type": "database"})).await;
        let config = json!({
            "plugin_name": "postgresql-database-plugin", "allowed_roles": "*",
            "username": "postgres", "password": "unused", "connection_url": format!(
                "postgresql://{{{{username}}}}:{{{{password}}}}@{}/postgres?sslmode=disable", postgres.address()
            ),
        });
        server.root("POST", "database/config/pg", config).await;
        let create = "CREATE ROLE \"{{name}}\" WITH LOGIN PASSWORD '{{password}}';";
        let role = json!({
            "db_name": "pg", "creation_statements": [create],
            "default_ttl": ttl.as_secs(), "max_ttl": longest.as_secs(),
        });
        server.root("POST", "database/roles/readonly", role).await;
        let rights = r#"path "database/creds/readonly" { capabilities = ["read"] }
                        path "sys/leases/revoke" { capabilities = ["update"] }"#;
        server.set_policy("logins", rights).await;
        let (auth, role_id, secret_id) = server.approle("logins", json!({})).await;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret-id"), secret_id).unwrap();
        let settings = format!(
            "address = '{}'\npaths = {{ 'db/work' = 'database/creds/readonly' }}\n\
             auth = {{ method = 'approle', mount = '{auth}', role_id = '{role_id}', secret_id_file = 'secret-id' }}",
            server.address
        );
        Self { server, postgres, folder, settings }
    }

    /// What opens the vault.
    pub(crate) fn vault(&self) -> Arc<dyn Vault> {
        open(self.folder.path(), &self.settings)
    }

    /// How many leases the server holds for the engine.
    pub(crate) async fn leases(&self) -> usize {
        self.listed().await.len()
    }

    async fn listed(&self) -> Vec<String> {
        let (_, listed) =
            self.server.ask("LIST", "sys/leases/lookup/database/creds/readonly", Value::Null).await;
        let keys = listed["data"]["keys"].as_array().cloned().unwrap_or_default();
        keys.iter().map(|key| format!("database/creds/readonly/{}", key.as_str().unwrap())).collect()
    }

    /// How many roles the database has that Vault made.
    pub(crate) fn roles(&self) -> String {
        self.postgres.query("select count(*) from pg_roles where rolname like 'v-%'").unwrap()
    }
}

fn world(vault: Arc<dyn Vault>) -> World {
    World::new(vault, cache_off(), &["db"], "basic")
}

/// Logs in, works for a while, and needs its role to be there still at the end of it.
pub(crate) fn query(address: &str, user: &str, password: &str) -> Result<(), String> {
    let (host, port) = address.split_once(':').unwrap();
    let mut psql = Command::new("psql");
    psql.args(["-X", "-q", "-t", "-A", "-w", "-h", host, "-p", port, "-d", "postgres", "-U", user]);
    psql.args([
        "-c",
        "select pg_sleep(0.2)",
        "-c",
        "select 1 / count(*) from pg_roles where rolname = current_user",
    ]);
    let output = psql.env("PGPASSWORD", password).output().unwrap();
    output.status.success().then_some(()).ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// What one worker saw: the logins it used, how many queries it ran, and those that failed.
fn work(
    runtime: &Runtime,
    world: &World,
    address: &str,
    end: Instant,
) -> (HashSet<String>, u32, Vec<String>) {
    let (mut logins, mut queries, mut failed) = (HashSet::new(), 0, Vec::new());
    while Instant::now() < end {
        match runtime.block_on(world.call("db")) {
            // Held until the query is over, as a call to a service holds it.
            Ok(credential) => {
                let user = text(&credential, "username");
                failed.extend(query(address, &user, &text(&credential, "password")).err());
                logins.insert(user);
            }
            Err(error) => failed.push(error.to_string()),
        }
        queries += 1;
    }
    (logins, queries, failed)
}

#[test]
fn no_query_fails_at_the_end_of_a_lease_and_closing_leaves_none() {
    let runtime = Runtime::new().unwrap();
    let site = runtime.block_on(Site::new(TTL, LONGEST));
    let world = world(site.vault());
    runtime.block_on(world.broker.start());
    let (end, address) = (Instant::now() + LOAD, site.postgres.address());
    let mut most = 0;
    let seen: Vec<_> = std::thread::scope(|scope| {
        let worker = || scope.spawn(|| work(&runtime, &world, &address, end));
        let workers: Vec<_> = std::iter::repeat_with(worker).take(WORKERS).collect();
        while workers.iter().any(|worker| !worker.is_finished()) {
            most = most.max(runtime.block_on(site.leases()));
            std::thread::sleep(Duration::from_millis(200));
        }
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    let logins: HashSet<_> = seen.iter().flat_map(|(logins, ..)| logins).collect();
    let queries: u32 = seen.iter().map(|(_, queries, _)| queries).sum();
    let failed: Vec<_> = seen.iter().flat_map(|(.., failed)| failed).collect();
    println!(
        "{queries} queries with {} logins, {} failed, at most {most} leases",
        logins.len(),
        failed.len()
    );
    assert_eq!(failed, [""; 0]);
    assert!(logins.len() >= 3, "the load was to outlast several logins, and saw {}", logins.len());
    assert!(most <= 1 + WORKERS, "the cached one, and one in each worker's hands: {most}");

    runtime.block_on(world.broker.close());
    assert_eq!((runtime.block_on(site.leases()), site.roles().as_str()), (0, "0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_leaves_no_lease_past_its_time() {
    let site = Site::new(TTL, LONGEST).await;
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "dynamic::the_process_that_is_killed", "--ignored", "--nocapture"]);
    child.env(CHILD.0, site.folder.path()).env(CHILD.1, &site.settings);
    let mut child = Running::start(&mut child).unwrap();
    while !child.line().unwrap_or_else(|| panic!("it ended: {}", child.stderr())).contains("holds a login") {}
    assert_eq!((site.leases().await, site.roles().as_str()), (1, "1"));
    // Dropping it is SIGKILL.
    drop(child);
    for id in site.listed().await {
        let (status, lease) = site.server.ask("PUT", "sys/leases/lookup", json!({"lease_id": id})).await;
        // It may have run out since it was listed.
        assert!(status != 200 || lease["data"]["ttl"].as_u64().unwrap() <= TTL.as_secs(), "{lease}");
    }
    // The server ends what has run out in the background.
    let gone = async || (site.leases().await == 0 && site.roles() == "0").then_some(());
    until("without a lease", TTL + DEADLINE, gone).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by `a_killed_process_leaves_no_lease_past_its_time`, in a process of its own"]
async fn the_process_that_is_killed() {
    let (Ok(folder), Ok(settings)) = (std::env::var(CHILD.0), std::env::var(CHILD.1)) else { return };
    let world = world(open(folder.as_ref(), &settings));
    world.broker.start().await;
    let _credential = world.call("db").await.unwrap();
    println!("holds a login");
    std::future::pending().await
}
