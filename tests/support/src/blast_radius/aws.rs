//! AWS Secrets Manager, emulated by moto. Stopped and started, moto has forgotten everything and is seeded again.

use std::net::SocketAddr;

use cofferdam_servers::Moto;
use serde_json::json;
use tokio::task::block_in_place;

use super::Failed;
use super::proxy::ScriptedResponse;
use super::vault::socket;

/// Credentials that sign the requests; moto accepts any.
pub(crate) const CREDENTIALS: &str =
    "[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = example\n";

/// A running moto, or one that was stopped.
#[derive(Debug)]
pub(crate) struct SecretsManager {
    moto: Option<Moto>,
    client: reqwest::Client,
    token: String,
}

impl SecretsManager {
    /// Starts it with `token` in the secret `aws/default`.
    pub(crate) async fn start(client: reqwest::Client, token: &str) -> Result<Self, Failed> {
        let mut started = Self { moto: None, client, token: token.to_owned() };
        started.revive().await?;
        Ok(started)
    }

    /// Its address; each start has another port.
    pub(crate) fn address(&self) -> Result<SocketAddr, Failed> {
        socket(&self.moto.as_ref().map(Moto::address).unwrap_or_default())
    }

    pub(crate) fn kill(&mut self) {
        // It waits for the process to end; the load must continue.
        block_in_place(|| self.moto = None);
    }

    pub(crate) async fn revive(&mut self) -> Result<(), Failed> {
        let moto = block_in_place(Moto::start)?;
        let secret =
            json!({ "Name": "aws/default", "SecretString": json!({ "token": self.token }).to_string() });
        let scope = "Credential=AKIDEXAMPLE/20260101/eu-central-1/secretsmanager/aws4_request";
        let request = self
            .client
            .post(moto.address())
            .header("x-amz-target", "secretsmanager.CreateSecret")
            .header("content-type", "application/x-amz-json-1.1")
            .header("authorization", format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"));
        let answer = request.body(secret.to_string()).send().await?;
        if !answer.status().is_success() {
            return Err(format!("moto rejects the secret: {}", answer.text().await?).into());
        }
        self.moto = Some(moto);
        Ok(())
    }
}

/// An error in the API's format: HTTP 400, with its name in the body.
pub(crate) fn error_response(code: &str, message: &str) -> ScriptedResponse {
    ScriptedResponse {
        status: "400 Bad Request",
        content_type: "application/x-amz-json-1.1",
        body: json!({ "__type": code, "Message": message }).to_string().into_bytes(),
    }
}
