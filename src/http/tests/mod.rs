//! The stack as a whole: the layers before every route.

use axum::body::Body;
use http::{Request, StatusCode};
use tower::ServiceExt as _;

use super::*;

#[tokio::test]
async fn a_panic_in_a_route_answers_500_without_its_words() {
    async fn fault() -> &'static str {
        panic!("canary")
    }
    let routes = guarded(Router::new().route("/", get(fault)), &Guard::new(&[], &[]));
    let request = Request::get("/").header("host", "localhost").body(Body::empty()).unwrap();
    let answer = routes.oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let text = axum::body::to_bytes(answer.into_body(), 1024).await.unwrap();
    assert!(!String::from_utf8_lossy(&text).contains("canary"), "{text:?}");
}
