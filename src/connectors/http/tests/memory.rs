//! The memory that answers take, and whose share it is.

use axum::Router;
use axum::routing::get;
use http::header::CONTENT_TYPE;

use super::service::TestService;
use super::*;
use crate::memory_budget::MemoryBudget;

const MIB: u64 = 1024 * 1024;

/// The length of `/text`.
const TEXT_BYTES: usize = 3_350_000;

/// A service whose `/honest` has 4 MiB, as an API writes them, and whose `/hostile` takes a hundred times as much memory
/// as bytes.
fn service() -> TestService {
    let issue = json!({
        "id": 1_234_567_890, "node_id": "MDU6SXNzdWUx", "url": "https://api.example.com/repos/octocat/Hello-World/issues/1347",
        "number": 1347, "state": "open", "title": "Found a bug", "locked": true, "comments": 0, "assignee": null,
        "user": { "login": "octocat", "id": 1, "avatar_url": "https://example.com/images/error/octocat_happy.gif", "site_admin": false },
        "labels": [{ "id": 208_045_946, "name": "bug", "description": "Something isn't working", "color": "f29513" }],
        "body": "I'm having a problem with this.", "created_at": "2011-04-22T13:33:48Z", "updated_at": "2011-04-22T13:33:48Z",
    });
    let length = issue.to_string().len();
    let honest = json!(vec![issue; 4 * 1024 * 1024 / (length + 1) - 1]).to_string();
    let hostile = format!("[{}]", vec!["{\"\":0}"; 120_000].join(","));
    let respond = |text: String| get(move || async move { ([(CONTENT_TYPE, "application/json")], text) });
    let routes = Router::new().route("/honest", respond(honest)).route("/hostile", respond(hostile));
    TestService::start(routes.route("/text", get(|| async { "x".repeat(TEXT_BYTES) })))
}

#[tokio::test]
async fn an_honest_answer_of_4_mib_is_decoded_and_gives_its_memory_back() {
    let service = service();
    let fixture = read(&service.url(), "/honest");
    let memory = fixture.connector.memory().clone();
    let answer = fixture.call().await.unwrap();
    assert!(answer.bytes > 4 * 1024 * 1024 - 2048, "{}", answer.bytes);
    assert!(memory.trees().used() > 0, "the memory is that of the answer");
    assert_eq!(memory.bodies().used(), 0, "the body is gone");
    drop(answer);
    assert_eq!(memory.trees().used(), 0);
}

#[tokio::test]
async fn a_hostile_answer_is_refused_before_it_is_decoded() {
    let service = service();
    let fixture = read(&service.url(), "/hostile");
    let memory = fixture.connector.memory().clone();
    let failure = fixture.call().await.unwrap_err();
    assert!(matches!(failure, CallFailure::TooLarge { outcome: Outcome::Rejected, .. }), "{failure}");
    assert_eq!((memory.trees().used(), memory.bodies().used()), (0, 0));
}

#[tokio::test]
async fn a_module_that_has_its_share_leaves_memory_for_another() {
    let service = service();
    let mut fixture = read(&service.url(), "/honest");
    fixture.timeout = Duration::from_secs(2);
    let memory = fixture.connector.memory().clone();
    let module = Arc::from(fixture.credential.module.as_str());
    let mut held = Vec::new();
    while let Ok(reservation) = memory.trees().take(&module, MIB) {
        held.push(reservation);
    }
    let failure = fixture.call().await.unwrap_err();
    assert!(matches!(failure, CallFailure::NoMemory { outcome: Outcome::Rejected, .. }), "{failure}");
    fixture.credential.module = "another".to_owned();
    fixture.timeout = Duration::from_secs(20);
    // It waits for the first of these, since the largest answer needs more than what is left.
    let (answer, ()) = tokio::join!(fixture.call(), async { held.truncate(held.len() / 4) });
    assert!(answer.is_ok(), "{answer:?}");
}

#[tokio::test]
async fn a_body_that_finds_no_memory_is_not_read() {
    let service = service();
    let mut fixture = read(&service.url(), "/text");
    // Enough to decode the text, but not for its body.
    let memory = MemoryBudget::new(25 * MIB);
    assert!(
        memory.bodies().capacity() < TEXT_BYTES as u64 && memory.trees().capacity() > 3 * TEXT_BYTES as u64
    );
    fixture.connector = HttpConnector::new().with_memory(memory);
    let failure = fixture.call().await.unwrap_err();
    assert!(matches!(failure, CallFailure::NoMemory { .. }), "{failure}");
    assert_eq!(fixture.connector.memory().bodies().used(), 0);
}
