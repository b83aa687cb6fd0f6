//! `deploy/aws`: CloudFormation accepts the templates, and in stacks in moto the policies grant exactly what the backend
//! needs.

use std::collections::BTreeSet;
use std::process::Command;

use cofferdam_vault::testkit::{field, path};
use cofferdam_vault::{Expect, ReadRequest, SecretFields, Stage, Vault};
use serde_json::Value;

use cofferdam_testing::deploy::{deploy, text_of};
use cofferdam_testing::moto::{MotoEnv, token};

/// moto's own, and the one of `profiles/production.toml`.
const ACCOUNT: &str = "123456789012";
const REGION: &str = "eu-central-1";

#[test]
fn cloudformation_knows_every_property_of_the_templates() {
    let lint = |file: &std::path::Path| {
        let lint = cofferdam_servers::cfn_lint().unwrap_or_else(|error| panic!("{error}"));
        let output = Command::new(lint).args(["--regions", REGION, "--"]).arg(file).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    for name in ["server.yaml", "vault.yaml"] {
        let (good, said) = lint(&deploy("aws").join(name));
        assert!(good && said.is_empty(), "{name}: {said}");
    }
    let dir = tempfile::tempdir().unwrap();
    let misspelt = dir.path().join("vault.yaml");
    std::fs::write(&misspelt, text_of("aws/vault.yaml").replace("KmsKeyId", "KmsKey")).unwrap();
    let (good, said) = lint(&misspelt);
    assert!(!good && said.contains("KmsKey"), "a misspelt property passes: {said}");
}

#[tokio::test]
async fn the_stacks_hold_what_the_backend_needs_and_grant_no_more() {
    let env = MotoEnv::new().await;
    let cluster = format!("arn:aws:eks:{REGION}:{ACCOUNT}:cluster/production");
    stack(&env, "cofferdam", "aws/server.yaml", &[("Runtime", "eks"), ("ClusterArn", &cluster)]).await;
    let server_role = format!("arn:aws:iam::{ACCOUNT}:role/cofferdam");
    for module in ["github", "notes"] {
        let parameters = [("Module", module), ("ServerRole", server_role.as_str())];
        let made = stack(&env, &format!("cofferdam-{module}"), "aws/vault.yaml", &parameters).await;
        // moto ignores secrets in a stack, so the secret of the template is created here.
        let name = format!("cofferdam/{module}/work");
        assert!(made.contains(&format!("<OutputValue>{name}</OutputValue>")), "{made}");
        api(&env, "secretsmanager", &[("Action", "CreateSecret"), ("Name", &name)]).await;
    }
    let vault = env.open_with(&format!(
        "region = '{REGION}'\nprefix = 'cofferdam'\ncredentials_file = 'credentials'\nendpoint = '{0}'\n\
         sts_endpoint = '{0}'\nassume_role = 'arn:aws:iam::{ACCOUNT}:role/cofferdam-github'\n",
        env.address
    ));

    // The secret exists, and has no value until it is written.
    let empty = token(&*vault, "github/work").await.unwrap_err();
    assert_eq!(empty.kind(), cofferdam_vault::ErrorKind::NotFound, "{empty}");
    let written = write_and_delete(&env, &*vault).await;
    let read = read_all(&env, &*vault).await;

    let github = arn(&env, "cofferdam/github/work").await;
    let notes = arn(&env, "cofferdam/notes/work").await;
    let probe = format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:cofferdam/cofferdam-probe");
    let reader = role_policy(&env, "cofferdam-github", "read").await;
    let writer = managed_policy(&env, "cofferdam-github-write").await;
    assert_eq!(allowed_actions(&reader), read, "what reading calls, and what its policy grants");
    assert_eq!(allowed_actions(&writer), written, "what writing calls, and what its policy grants");
    for action in &read {
        let on = if action == "DescribeSecret" { &probe } else { &github };
        assert!(allows(&reader, action, on), "{action} on {on}");
    }
    for action in allowed_actions(&reader).iter().filter(|action| *action != "BatchGetSecretValue") {
        assert!(!allows(&reader, action, &notes), "{action} on another module's secret");
    }
    for action in &written {
        assert!(allows(&writer, action, &github), "{action}");
        assert_eq!(allows(&writer, action, &notes), action == "ListSecrets", "{action} on another's secret");
    }

    let server = role_policy(&env, "cofferdam", "become-a-vaults-role").await;
    let role = |name: &str| format!("arn:aws:iam::{ACCOUNT}:role/{name}");
    assert!(permits(&server, "sts:AssumeRole", &role("cofferdam-github")));
    assert!(!permits(&server, "sts:AssumeRole", &role("administrator")));
    assert!(!permits(&server, "secretsmanager:GetSecretValue", &github), "the server's own role reads");
    // Only Secrets Manager may use the key.
    for (policy, name) in [(&reader, "reader"), (&writer, "writer")] {
        let on_keys = statements(policy).into_iter().filter(|rule| rule.to_string().contains("kms:"));
        for rule in on_keys {
            let through = &rule["Condition"]["StringEquals"]["kms:ViaService"];
            assert_eq!(through, &format!("secretsmanager.{REGION}.amazonaws.com"), "{name}");
            assert_ne!(rule["Resource"], "*", "{name}");
        }
    }
}

/// Writes in every way; returns the operations that were called.
async fn write_and_delete(env: &MotoEnv, vault: &dyn Vault) -> BTreeSet<String> {
    let before = env.proxy.count("*");
    let at = path("github/work");
    let fields = |text: &str| SecretFields::from_iter([(field("token"), text.to_owned().into())]);
    vault.write(&at, &fields("one"), Expect::Any).await.unwrap();
    vault.write(&at, &fields("two"), Expect::Any).await.unwrap();
    vault.delete(&at, Expect::Any).await.unwrap();
    vault.write(&at, &fields("three"), Expect::Absent).await.unwrap();
    vault.write(&at, &fields("four"), Expect::Any).await.unwrap();
    vault.write(&path("github/new"), &fields("new"), Expect::Any).await.unwrap();
    vault.list(None, None).await.unwrap();
    operations(env, before)
}

/// Reads in every way; returns the operations that were called.
async fn read_all(env: &MotoEnv, vault: &dyn Vault) -> BTreeSet<String> {
    let before = env.proxy.count("*");
    assert_eq!(token(vault, "github/work").await.unwrap(), "four");
    vault.read(&path("github/work"), &[field("token")], Stage::Previous).await.unwrap();
    let requests =
        ["github/work", "github/new"].map(|at| ReadRequest { path: path(at), fields: vec![field("token")] });
    for answer in vault.read_many(&requests).await {
        answer.unwrap();
    }
    vault.probe().await.unwrap();
    operations(env, before)
}

fn operations(env: &MotoEnv, before: usize) -> BTreeSet<String> {
    let seen = env.proxy.seen("*").into_iter().skip(before).map(|seen| seen.operation);
    seen.filter(|operation| operation != "AssumeRole").collect()
}

/// The policy's statements.
fn statements(policy: &Value) -> Vec<&Value> {
    policy["Statement"].as_array().unwrap().iter().collect()
}

fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().map(|item| item.as_str().unwrap()).collect(),
        other => panic!("{other}"),
    }
}

/// The operations of Secrets Manager that `policy` names.
fn allowed_actions(policy: &Value) -> BTreeSet<String> {
    let actions = statements(policy).into_iter().flat_map(|rule| strings(&rule["Action"]));
    actions.filter_map(|action| action.strip_prefix("secretsmanager:")).map(str::to_owned).collect()
}

fn allows(policy: &Value, operation: &str, on: &str) -> bool {
    permits(policy, &format!("secretsmanager:{operation}"), on)
}

/// Whether a policy without `Deny` allows `action` on the resource `on`.
fn permits(policy: &Value, action: &str, on: &str) -> bool {
    statements(policy).into_iter().any(|rule| {
        assert_eq!(rule["Effect"], "Allow");
        strings(&rule["Action"]).contains(&action)
            && strings(&rule["Resource"]).iter().any(|pattern| match pattern.strip_suffix('*') {
                Some(begin) => on.starts_with(begin),
                None => on == *pattern,
            })
    })
}

async fn arn(env: &MotoEnv, name: &str) -> String {
    let described = api(env, "secretsmanager", &[("Action", "DescribeSecret"), ("SecretId", name)]).await;
    let described: Value = serde_json::from_str(&described).unwrap();
    described["ARN"].as_str().unwrap().to_owned()
}

async fn role_policy(env: &MotoEnv, role: &str, name: &str) -> Value {
    let asked = [("Action", "GetRolePolicy"), ("RoleName", role), ("PolicyName", name)];
    policy_in(&api(env, "iam", &asked).await)
}

async fn managed_policy(env: &MotoEnv, name: &str) -> Value {
    let arn = format!("arn:aws:iam::{ACCOUNT}:policy/{name}");
    let asked = [("Action", "GetPolicyVersion"), ("PolicyArn", arn.as_str()), ("VersionId", "v1")];
    policy_in(&api(env, "iam", &asked).await)
}

/// The policy in a response of IAM, which is XML. AWS writes it as percent-encoded JSON; moto, for what a stack has
/// created, as JSON escaped for XML, or with Python's quotes.
fn policy_in(answer: &str) -> Value {
    let document = ["PolicyDocument", "Document"].into_iter().find_map(|tag| {
        let (_, rest) = answer.split_once(&format!("<{tag}>"))?;
        Some(rest.split_once(&format!("</{tag}>"))?.0)
    });
    let document = document.unwrap_or_else(|| panic!("no policy in {answer}"));
    let document = percent_encoding::percent_decode_str(document).decode_utf8().unwrap();
    let document = document.replace("&#34;", "\"").replace('\'', "\"");
    serde_json::from_str(&document).unwrap_or_else(|error| panic!("{error}: {document}"))
}

/// Creates a stack; returns its description.
async fn stack(env: &MotoEnv, name: &str, template: &str, parameters: &[(&str, &str)]) -> String {
    let text = text_of(template);
    let keys: Vec<(String, &str)> = parameters
        .iter()
        .enumerate()
        .flat_map(|(at, (key, value))| {
            let member = format!("Parameters.member.{}", at + 1);
            [(format!("{member}.ParameterKey"), *key), (format!("{member}.ParameterValue"), *value)]
        })
        .collect();
    let mut asked = vec![
        ("Action", "CreateStack"),
        ("StackName", name),
        ("TemplateBody", text.as_str()),
        ("Capabilities.member.1", "CAPABILITY_NAMED_IAM"),
    ];
    asked.extend(keys.iter().map(|(key, value)| (key.as_str(), *value)));
    api(env, "cloudformation", &asked).await;
    let state = api(env, "cloudformation", &[("Action", "DescribeStacks"), ("StackName", name)]).await;
    assert!(state.contains("CREATE_COMPLETE"), "{name}: {state}");
    state
}

/// One request to moto, without the proxy.
async fn api(env: &MotoEnv, service: &str, asked: &[(&str, &str)]) -> String {
    let scope = format!("Credential=AKIDEXAMPLE/20260101/{REGION}/{service}/aws4_request");
    let authorization = format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0");
    let request = reqwest::Client::builder().no_proxy().build().unwrap().post(env.moto());
    let request = request.header("authorization", authorization);
    let request = if service == "secretsmanager" {
        let mut members = serde_json::Map::new();
        members.extend(asked.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))));
        let action = members.remove("Action").unwrap();
        request
            .header("x-amz-target", format!("secretsmanager.{}", action.as_str().unwrap()))
            .header("content-type", "application/x-amz-json-1.1")
            .body(Value::from(members).to_string())
    } else {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(asked);
        request.header("content-type", "application/x-www-form-urlencoded").body(body.finish())
    };
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert!(status.is_success(), "{service} {}: {status} {text}", asked[0].1);
    text
}
