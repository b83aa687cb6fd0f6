//! Which hosts and pages (`Host`, `Origin`) may reach a route.

use serde_json::json;

use crate::server::{ServerBuilder, within};

async fn status(request: reqwest::RequestBuilder) -> u16 {
    within(request.send()).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_wrong_host_or_page_reaches_no_route() {
    let server = ServerBuilder::default().start().await;
    let http = reqwest::Client::new();
    let routes = |header: &'static str, value: &'static str| {
        let mut requests = vec![server.post("tools/list", json!({}))];
        for path in ["healthz", "readyz"] {
            requests.push(http.get(format!("http://{}/{path}", server.address)));
            requests.push(http.get(format!("http://{}/{path}", server.admin)));
        }
        requests.push(http.get(format!("http://{}/metrics", server.admin)));
        requests.into_iter().map(move |request| request.header(header, value))
    };
    for (header, value) in [("host", "evil.example"), ("origin", "https://evil.example"), ("origin", "null")]
    {
        for request in routes(header, value) {
            assert_eq!(status(request).await, 403, "{header}: {value}");
        }
    }
    for (header, value) in
        [("host", "mcp.example"), ("host", "localhost:1"), ("origin", "https://app.example")]
    {
        for request in routes(header, value) {
            assert_eq!(status(request).await, 200, "{header}: {value}");
        }
    }
}

#[tokio::test]
async fn a_listed_page_may_read() {
    let server = ServerBuilder::default().start().await;
    let url = format!("http://{}/mcp", server.address);
    let asked = reqwest::Client::new()
        .request(reqwest::Method::OPTIONS, url)
        .header("origin", "https://app.example")
        .header("access-control-request-headers", "content-type, mcp-protocol-version");
    let answer = within(asked.send()).await.unwrap();
    assert_eq!(answer.status(), 204);
    assert_eq!(answer.headers()["access-control-allow-origin"], "https://app.example");
    assert_eq!(answer.headers()["access-control-allow-headers"], "content-type, mcp-protocol-version");
}
