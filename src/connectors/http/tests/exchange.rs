//! How a call ends, for everything that a service may do.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::response::Redirect;
use axum::routing::{any, get};
use axum::{Json, Router};
use futures_util::{Stream, StreamExt, stream};
use http::{HeaderMap, StatusCode, Uri};
use std::io::Write;
use tokio::sync::{Notify, mpsc};

use super::names::resolver;
use super::service::{TestService, answer_once};
use super::*;

/// An endless body.
fn xs() -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send {
    stream::repeat(Bytes::from_static(&[b'x'; 4096])).map(Ok)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_call_carries_arguments_credential_and_name() {
    let echo = |headers: HeaderMap, uri: Uri, Json(body): Json<Value>| async move {
        let good = headers["authorization"] == "Bearer hunter22hunter22";
        let agent = headers["user-agent"].to_str().unwrap().to_owned();
        Json(json!({ "good": good, "uri": uri.to_string(), "body": body, "agent": agent }))
    };
    let service = TestService::start(Router::new().fallback(any(echo)));
    let fixture = fixture(
        &format!("{}/base", service.url()),
        json!({
            "request": { "method": "PUT", "path": "/x/{id}", "query": ["q"], "body": ["t"] },
            "properties": { "id": { "required": true }, "q": {}, "t": {} },
            "arguments": { "id": "a/b", "q": "1 2", "t": [true] },
        }),
    );
    let agent = concat!("cofferdam/", env!("CARGO_PKG_VERSION"));
    assert_eq!(
        fixture.call().await.unwrap().body,
        json!({ "good": true, "uri": "/base/x/a%2Fb?q=1%202", "body": { "t": [true] }, "agent": agent })
    );
}

#[test]
fn a_call_may_move_between_threads() {
    fn takes_send(_: impl Send) {}
    let fixture = read("http://127.0.0.1:1", "/x");
    takes_send(fixture.call());
}

#[tokio::test]
async fn a_refused_connection_means_not_sent() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let failure = write(&url, "/x").call().await.unwrap_err();
    assert_eq!(
        failure,
        CallFailure::Unreachable {
            message: "Svc cannot be reached: it refused the connection; try again later".into(),
            outcome: Outcome::NotSent
        }
    );
}

#[tokio::test]
async fn a_name_that_leads_to_loopback_is_refused() {
    let service = TestService::start(Router::new().fallback(any(|| async { "reached" })));
    let mut fixture = write("http://rebind.example", "/x");
    fixture.endpoint.base_url.set_port(Some(service.address.port())).unwrap();
    fixture.endpoint.insecure_http = true;
    let names = resolver(|_| Ok(vec!["127.0.0.1:0".parse().unwrap()]));
    fixture.service.clients = Clients::with_resolver(names);
    let failure = fixture.call().await.unwrap_err();
    let CallFailure::Unreachable { message, outcome: Outcome::NotSent } = failure else {
        panic!("{failure:?}")
    };
    assert!(message.contains("forbidden") && !message.contains("rebind.example"), "{message}");
}

#[tokio::test]
async fn a_broken_connection_leaves_a_write_unknown() {
    for bytes in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly some",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nonly",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nnope",
    ] {
        let failure = write(&answer_once(bytes), "/x").call().await.unwrap_err();
        assert!(matches!(failure, CallFailure::Unreachable { outcome: Outcome::Unknown, .. }), "{failure:?}");
        let failure = read(&answer_once(bytes), "/x").call().await.unwrap_err();
        assert!(
            matches!(failure, CallFailure::Unreachable { outcome: Outcome::Rejected, .. }),
            "{failure:?}"
        );
    }
}

#[tokio::test]
async fn a_chunked_and_compressed_answer_is_read_whole() {
    let body = json!({ "text": "x".repeat(10_000) });
    let packed = gzip(body.to_string().as_bytes());
    let answer = move || {
        let pieces: Vec<Result<Bytes, std::io::Error>> =
            packed.chunks(7).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        async move {
            (
                [("content-type", "application/json"), ("content-encoding", "gzip")],
                Body::from_stream(stream::iter(pieces)),
            )
        }
    };
    let service = TestService::start(Router::new().route("/x", get(answer)));
    assert_eq!(read(&service.url(), "/x").call().await.unwrap().body, body);
}

#[tokio::test]
async fn an_endless_or_exploding_answer_stops_at_the_limit() {
    let endless = || async { Body::from_stream(xs()) };
    let bomb = gzip(&vec![0; 64 * 1024 * 1024]);
    assert!(bomb.len() < 128 * 1024);
    let explode = move || async move { ([("content-encoding", "gzip")], bomb) };
    let service =
        TestService::start(Router::new().route("/endless", any(endless)).route("/bomb", any(explode)));
    for path in ["/endless", "/bomb"] {
        let failure = write(&service.url(), path).call().await.unwrap_err();
        assert!(matches!(failure, CallFailure::TooLarge { outcome: Outcome::Unknown, .. }), "{failure:?}");
        assert!(failure.to_string().contains("4 MiB"), "{failure}");
    }
    let failure = read(&service.url(), "/bomb").call().await.unwrap_err();
    assert!(matches!(failure, CallFailure::TooLarge { outcome: Outcome::Rejected, .. }), "{failure:?}");
}

#[tokio::test]
async fn an_answer_up_to_the_limit_is_accepted_and_one_byte_more_is_not() {
    let exact = |Path(count): Path<usize>| async move { "x".repeat(count) };
    let service = TestService::start(Router::new().route("/{count}", get(exact)));
    let call = |path: &str| {
        let request = json!({ "method": "GET", "path": path });
        fixture(&service.url(), json!({ "http": { "limits": { "answer": "1KiB" } }, "request": request }))
    };
    assert_eq!(call("/1024").call().await.unwrap().body, json!("x".repeat(1024)));
    assert!(matches!(call("/1025").call().await, Err(CallFailure::TooLarge { .. })));
}

#[tokio::test]
async fn a_service_that_drips_or_hangs_runs_into_the_deadline() {
    let drip = || async {
        let pieces =
            stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"a"))]).chain(stream::pending());
        Body::from_stream(pieces)
    };
    let hang = || std::future::pending::<()>();
    let service = TestService::start(Router::new().route("/drip", any(drip)).route("/hang", any(hang)));
    for path in ["/drip", "/hang"] {
        for (mut fixture, outcome) in
            [(write(&service.url(), path), Outcome::Unknown), (read(&service.url(), path), Outcome::Rejected)]
        {
            fixture.timeout = Duration::from_millis(200);
            let failure = fixture.call().await.unwrap_err();
            assert_eq!(
                failure,
                CallFailure::Timeout { message: "Svc did not answer in time".into(), outcome }
            );
        }
    }
    let request = json!({ "method": "GET", "path": "/hang" });
    let own =
        fixture(&service.url(), json!({ "http": { "limits": { "timeout": "100ms" } }, "request": request }));
    assert!(matches!(own.call().await, Err(CallFailure::Timeout { .. })));
}

#[tokio::test]
async fn a_deadline_that_has_passed_sends_nothing() {
    let mut fixture = write("http://127.0.0.1:1", "/x");
    fixture.timeout = Duration::ZERO;
    let failure = fixture.call().await.unwrap_err();
    assert!(matches!(failure, CallFailure::Timeout { outcome: Outcome::NotSent, .. }), "{failure:?}");
}

#[tokio::test]
async fn dropping_the_call_ends_the_request() {
    struct Gone(mpsc::UnboundedSender<()>);
    impl Drop for Gone {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let (gone, mut went) = mpsc::unbounded_channel();
    let arrived = Arc::new(Notify::new());
    let arrival = arrived.clone();
    let hang = move || {
        let guard = Gone(gone.clone());
        let arrival = arrival.clone();
        async move {
            arrival.notify_one();
            let _guard = guard;
            std::future::pending::<()>().await;
        }
    };
    let service = TestService::start(Router::new().route("/x", get(hang)));
    let fixture = read(&service.url(), "/x");
    let call = fixture.call();
    tokio::select! {
        answer = call => panic!("{answer:?}"),
        () = arrived.notified() => {}
    }
    went.recv().await.unwrap();
}

#[tokio::test]
async fn redirects_are_followed_within_the_origin_and_for_reads_alone() {
    let elsewhere = TestService::start(Router::new().fallback(any(|| async { "leaked" })));
    let out = format!("{}/path?token=signed", elsewhere.url());
    let hosts = Router::new()
        .route("/start", any(|| async { Redirect::temporary("/middle?a=1") }))
        .route("/middle", any(|| async { Redirect::permanent("end") }))
        .route("/end", any(|headers: HeaderMap| async move { headers["authorization"].len().to_string() }))
        .route("/loop", any(|| async { Redirect::temporary("/loop") }))
        .route("/see", any(|| async { Redirect::to("/end") }))
        .route("/out", any(move || async move { Redirect::temporary(&out) }));
    let service = TestService::start(hosts);
    let url = service.url();
    assert_eq!(read(&url, "/start").call().await.unwrap().body, json!("23"));
    let failure = |failure: CallFailure| match failure {
        CallFailure::Upstream { status, message, outcome } => (status, message, outcome),
        other => panic!("{other:?}"),
    };
    let (status, message, outcome) = failure(read(&url, "/out").call().await.unwrap_err());
    assert_eq!((status, outcome), (307, Outcome::Rejected));
    assert!(message.contains("to another host"), "{message}");
    assert!(!message.contains(&elsewhere.url()) && !message.contains("signed"), "{message}");
    assert_eq!(failure(read(&url, "/loop").call().await.unwrap_err()).0, 302);
    assert_eq!(failure(write(&url, "/start").call().await.unwrap_err()).2, Outcome::Rejected);
    assert_eq!(failure(write(&url, "/see").call().await.unwrap_err()).2, Outcome::Unknown);
}

#[tokio::test]
async fn a_query_credential_is_put_once_on_each_hop() {
    let start = |uri: Uri| async move { Redirect::temporary(&format!("/end?{}", uri.query().unwrap())) };
    let end = |uri: Uri| async move { uri.query().unwrap().matches("key=").count().to_string() };
    let service = TestService::start(Router::new().route("/start", get(start)).route("/end", get(end)));
    let fixture = fixture(
        &service.url(),
        json!({
            "credential": { "kind": "query", "params": { "key": "{token}" } },
            "request": { "method": "GET", "path": "/start", "query": { "a": "1" } },
        }),
    );
    assert_eq!(fixture.call().await.unwrap().body, json!("1"));
}

#[tokio::test]
async fn a_next_page_is_offered_as_arguments() {
    let list = |uri: Uri| async move {
        let page: u64 = uri.query().unwrap().strip_prefix("page=").unwrap().parse().unwrap();
        // Encoded three times, so that it appears only after the link has been parsed.
        let canary: String = "hunter22hunter22".bytes().map(|byte| format!("%2525{byte:02x}")).collect();
        let link = format!("<{}?page={}&note={canary}>; rel=\"next\"", uri.path(), page + 1);
        (HeaderMap::from_iter([(http::header::LINK, link.parse().unwrap())]), Json(json!([page])))
    };
    let service = TestService::start(Router::new().route("/list", get(list)));
    let fixture = fixture(
        &service.url(),
        json!({
            "http": { "page": { "style": "link-header" } },
            "request": { "method": "GET", "path": "/list", "query": ["page", "note"] },
            "properties": { "page": { "type": "integer" }, "note": { "type": "string" } },
            "arguments": { "page": 4 },
        }),
    );
    let answer = fixture.call().await.unwrap();
    assert_eq!(
        (answer.body, answer.next.map(Value::Object)),
        (json!([4]), Some(json!({ "page": 5, "note": "[credential removed]" })))
    );
}

#[tokio::test]
async fn errors_keep_their_meaning_when_their_bodies_do_not_arrive() {
    let hang = || async {
        let body = Body::from_stream(xs());
        (StatusCode::UNAUTHORIZED, body)
    };
    let service = TestService::start(Router::new().route("/x", any(hang)));
    let failure = write(&service.url(), "/x").call().await.unwrap_err();
    assert_eq!(failure, CallFailure::CredentialRejected { message: "Svc answered 401 Unauthorized".into() });
    let late = || async {
        (StatusCode::UNAUTHORIZED, Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>()))
    };
    let service = TestService::start(Router::new().route("/x", any(late)));
    let failure = write(&service.url(), "/x").call().await.unwrap_err();
    assert_eq!(failure, CallFailure::CredentialRejected { message: "Svc answered 401 Unauthorized".into() });
    let cut = answer_once(b"HTTP/1.1 429 Too Many\r\nretry-after: 7\r\ncontent-length: 9\r\n\r\ncut");
    let failure = write(&cut, "/x").call().await.unwrap_err();
    assert_eq!(
        failure,
        CallFailure::RateLimited {
            message: "Svc answered 429 Too Many Requests".into(),
            retry_after: Some(Duration::from_secs(7))
        }
    );
}

#[tokio::test]
async fn large_answers_and_errors_are_processed_by_the_worker_pool() {
    let large = || "%41".repeat(10 * 1024);
    let routes = Router::new()
        .route("/small", get(|| async { "small" }))
        .route("/large", get(move || async move { large() }))
        .route("/error", get(move || async move { (StatusCode::BAD_GATEWAY, large()) }));
    let service = TestService::start(routes);
    for (path, processed) in [("/small", 0), ("/large", 1), ("/error", 1)] {
        let fixture = read(&service.url(), path);
        assert_eq!(fixture.call().await.is_ok(), path != "/error");
        let on_threads = fixture.service.workers.processed.load(std::sync::atomic::Ordering::SeqCst);
        assert_eq!(on_threads, processed, "{path}");
    }
}
