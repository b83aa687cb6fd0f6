//! Tests of the whole stack: the middleware of every route.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Request, StatusCode};
use tower::ServiceExt as _;

use super::guard::Guard;
use super::server::guarded;

#[tokio::test]
async fn a_panic_in_a_route_returns_500_without_its_message() {
    async fn fault() -> &'static str {
        panic!("canary")
    }
    let routes = guarded(Router::new().route("/", get(fault)), &Guard::new(&[], &[]));
    let request = Request::get("/").header("host", "localhost").body(Body::empty()).unwrap();
    let response = routes.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let text = axum::body::to_bytes(response.into_body(), 1024).await.unwrap();
    assert!(!String::from_utf8_lossy(&text).contains("canary"), "{text:?}");
}
