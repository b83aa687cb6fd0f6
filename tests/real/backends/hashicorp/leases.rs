//! Each read creates a database login in a real PostgreSQL; none is left behind.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cofferdam_servers::Postgres;
use cofferdam_testing::vault_server::{VaultServer, expect_error, full_policy, open, unique};
use cofferdam_vault::ErrorKind::{Denied, NotFound, ReadOnly};
use cofferdam_vault::testkit::{BackendUnderTest, Dynamic, exercise, field, fields, path};
use cofferdam_vault::{
    BoxFuture, ErrorKind, Expect, ExposeSecret as _, Scope, Secret, SecretFields, SecretPath, Stage, Vault,
};
use serde_json::{Map, Value, json};

const LEASES: &str = r#"path "sys/leases/revoke" { capabilities = ["update"] }"#;

/// A Vault with a database engine on a PostgreSQL, and an AppRole that reads from it.
struct Fixture {
    server: VaultServer,
    // In a lock only for `Sync`.
    postgres: Mutex<Postgres>,
    mount: String,
    folder: tempfile::TempDir,
    auth: String,
    policy: String,
}

impl Fixture {
    async fn new(more: Value) -> Self {
        let (server, postgres) =
            (VaultServer::own(), Postgres::start().unwrap_or_else(|error| panic!("{error}")));
        server.root("POST", "sys/mounts/database", json!({"type": "database"})).await;
        let url = format!(
            "postgresql://{{{{username}}}}:{{{{password}}}}@{}/postgres?sslmode=disable",
            postgres.address()
        );
        let config = json!({
            "plugin_name": "postgresql-database-plugin", "allowed_roles": "*", "connection_url": url,
            "username": "postgres", "password": "unused",
        });
        server.root("POST", "database/config/pg", config).await;
        let create =
            "CREATE ROLE \"{{name}}\" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';";
        let role = json!({
            "db_name": "pg", "creation_statements": [create], "default_ttl": "10s", "max_ttl": "60s",
        });
        server.root("POST", "database/roles/readonly", role).await;
        let mount = server.mount_kv(2).await;
        let policy = unique("policy");
        let read = r#"path "database/creds/readonly" { capabilities = ["read"] }"#;
        server.set_policy(&policy, &format!("{}\n{LEASES}\n{read}", full_policy(&mount, 2))).await;
        let (auth, role_id, secret_id) = server.approle(&policy, more).await;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret-id"), secret_id).unwrap();
        let auth = format!(
            "{{ method = 'approle', mount = '{auth}', role_id = '{role_id}', secret_id_file = 'secret-id' }}"
        );
        Self { server, postgres: Mutex::new(postgres), mount, folder, auth, policy }
    }

    fn open(&self, prefix: &str) -> Arc<dyn Vault> {
        let text = format!(
            "address = '{}'\nmount = '{}'\nprefix = '{prefix}'\nauth = {}\n\
             paths = {{ 'db/ro' = 'database/creds/readonly', 'db/none' = 'database/creds/no-such-role' }}",
            self.server.address, self.mount, self.auth
        );
        open(self.folder.path(), &text)
    }

    /// The number of leases that the server has for the engine.
    async fn leases(&self) -> usize {
        let (_, listed) =
            self.server.ask("LIST", "sys/leases/lookup/database/creds/readonly", Value::Null).await;
        listed["data"]["keys"].as_array().map_or(0, Vec::len)
    }

    /// The number of roles in the database that Vault created.
    fn roles(&self) -> String {
        self.postgres.lock().unwrap().query("select count(*) from pg_roles where rolname like 'v-%'").unwrap()
    }
}

async fn login(vault: &dyn Vault) -> Secret {
    vault.read(&path("db/ro"), &[field("username"), field("password")], Stage::Current).await.unwrap()
}

struct Folder {
    fixture: Arc<Fixture>,
    prefix: String,
}

impl BackendUnderTest for Folder {
    fn open(&self) -> Arc<dyn Vault> {
        self.fixture.open(&self.prefix)
    }

    fn seed<'a>(&'a self, path: &'a SecretPath, fields: &'a SecretFields) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let fields: Map<String, Value> =
                fields.iter().map(|(name, text)| (name.to_string(), text.expose_secret().into())).collect();
            let api_path = format!("{}/data/{}/{path}", self.fixture.mount, self.prefix);
            self.fixture.server.root("POST", &api_path, json!({ "data": fields })).await;
        })
    }

    fn remove<'a>(&'a self, path: &'a SecretPath) -> BoxFuture<'a, ()> {
        let api_path = format!("{}/data/{}/{path}", self.fixture.mount, self.prefix);
        Box::pin(async move { drop(self.fixture.server.root("DELETE", &api_path, Value::Null).await) })
    }

    fn take_down(&self) -> BoxFuture<'_, ErrorKind> {
        Box::pin(async {
            self.fixture.server.process(|vault| vault.seal().unwrap());
            ErrorKind::Unavailable
        })
    }

    fn bring_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(async { self.fixture.server.process(|vault| vault.unseal().unwrap()).unwrap() })
    }

    fn dynamic(&self) -> Option<Dynamic> {
        Some(Dynamic {
            path: path("db/ro"),
            fields: vec![field("username"), field("password")],
            duration: Duration::from_secs(10),
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_with_leases_keeps_the_contract() {
    let fixture = Arc::new(Fixture::new(json!({})).await);
    exercise(async || Folder { fixture: Arc::clone(&fixture), prefix: unique("case") }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_read_is_a_login_of_its_own_and_closing_leaves_none() {
    let fixture = Fixture::new(json!({})).await;
    let vault = fixture.open("p");
    let (one, two) = (login(&*vault).await, login(&*vault).await);
    assert_ne!(one.version, two.version);
    assert!(vault.creates_lease(&path("db/ro")) && !vault.creates_lease(&path("m/a")));
    let of = |secret: &Secret, name| secret.expose(&field(name)).unwrap().to_owned();
    // With `trust`, any password is accepted; only the role must exist.
    assert!(fixture.postgres.lock().unwrap().lets(&of(&one, "username"), &of(&one, "password"), "select 1"));
    assert!(one.valid_for.unwrap() <= Duration::from_secs(10));
    assert_eq!((fixture.leases().await, fixture.roles().as_str()), (2, "2"));

    vault.release(one.lease.as_ref().unwrap()).await.unwrap();
    assert_eq!((fixture.leases().await, fixture.roles().as_str()), (1, "1"));
    assert!(!fixture.postgres.lock().unwrap().lets(&of(&one, "username"), &of(&one, "password"), "select 1"));
    vault.renew(two.lease.as_ref().unwrap()).await.unwrap();

    let ends = vault.read(&path("db/ro"), &[field("token")], Stage::Current).await;
    expect_error(ends, NotFound, Scope::Secret);
    assert_eq!(fixture.leases().await, 1, "a read that is refused leaves no lease");
    let previous = vault.read(&path("db/ro"), &[], Stage::Previous).await;
    expect_error(previous, NotFound, Scope::Secret);
    expect_error(
        vault.write(&path("db/ro"), &fields([("a", "b")]), Expect::Any).await,
        ReadOnly,
        Scope::Secret,
    );
    let unknown = vault.read(&path("db/none"), &[], Stage::Current).await;
    expect_error(unknown, Denied, Scope::Secret);

    vault.close().await;
    assert_eq!((fixture.leases().await, fixture.roles().as_str()), (0, "0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn abandoned_reads_leave_no_lease() {
    let fixture = Fixture::new(json!({})).await;
    let vault = fixture.open("p");
    vault.probe().await.unwrap();
    for _ in 0..20 {
        let names = [field("username")];
        let at = path("db/ro");
        let read = vault.read(&at, &names, Stage::Current);
        tokio::select! { biased; _ = read => panic!("too soon"), () = tokio::task::yield_now() => {} }
    }
    // Waits for the tasks of the abandoned reads.
    vault.close().await;
    assert_eq!((fixture.leases().await, fixture.roles().as_str()), (0, "0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_lasts_no_longer_than_the_token_that_it_hangs_on() {
    let short = json!({"token_ttl": "4s", "token_max_ttl": "4s"});
    let fixture = Fixture::new(short).await;
    let vault = fixture.open("p");
    let secret = login(&*vault).await;
    assert!(secret.valid_for.unwrap() <= Duration::from_secs(4), "{:?}", secret.valid_for);
    assert_eq!(secret.valid_for, secret.lease.as_ref().map(|lease| lease.duration));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_end_leases_they_end_with_the_token() {
    let fixture = Fixture::new(json!({})).await;
    let read = r#"path "database/creds/readonly" { capabilities = ["read"] }"#;
    fixture.server.set_policy(&fixture.policy, read).await;
    let vault = fixture.open("p");
    let secret = login(&*vault).await;
    expect_error(vault.release(secret.lease.as_ref().unwrap()).await, Denied, Scope::Secret);
    vault.close().await;
    // The server revokes the leases of a token in the background.
    for _ in 0..500 {
        if fixture.leases().await == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("a lease outlived its token");
}
