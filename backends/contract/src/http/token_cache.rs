//! One access token for many requests.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{Shared, WeakShared};

use super::access_token::AccessToken;
use crate::{BoxFuture, VaultError};

type LoginFuture = BoxFuture<'static, Result<AccessToken, VaultError>>;

/// The current access token of a vault.
///
/// Requests that need a token at the same time share one login, which runs as long as one of them waits. The token is
/// replaced shortly before it expires. If that fails, it is used until it has expired.
#[derive(Clone, Default)]
pub(super) struct TokenCache(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    token: Option<AccessToken>,
    /// The login in progress. Weak, so that dropping all requests that wait for it cancels it.
    login: Option<WeakShared<LoginFuture>>,
}

impl TokenCache {
    /// The current token, or the one that `login` returns.
    pub(super) async fn get(&self, login: impl FnOnce() -> LoginFuture) -> Result<AccessToken, VaultError> {
        let login = {
            let mut state = self.lock();
            match &state.token {
                Some(token) if token.is_fresh() => return Ok(token.clone()),
                _ => match state.login.as_ref().and_then(WeakShared::upgrade) {
                    Some(login) => login,
                    None => {
                        let login = self.store(login());
                        state.login = login.downgrade();
                        login
                    }
                },
            }
        };
        match login.await {
            Err(error) => self.lock().token.clone().filter(AccessToken::is_valid).ok_or(error),
            issued => issued,
        }
    }

    /// Discards `token`, which the server has rejected. A later one stays.
    pub(super) fn reject(&self, token: &AccessToken) {
        let mut state = self.lock();
        if state.token.as_ref().is_some_and(|current| current.is(token)) {
            state.token = None;
        }
    }

    /// Discards the token.
    pub(super) fn clear(&self) {
        self.lock().token = None;
    }

    /// `login`, which also stores its token.
    fn store(&self, login: LoginFuture) -> Shared<LoginFuture> {
        let cache = self.clone();
        let store = async move {
            let issued = login.await;
            let mut state = cache.lock();
            state.login = None;
            if let Ok(token) = &issued {
                state.token = Some(token.clone());
            }
            issued
        };
        let store: LoginFuture = Box::pin(store);
        store.shared()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use futures_util::future::join_all;
    use tokio::sync::Notify;
    use tokio::time::{Instant, advance};

    use super::*;
    use crate::ErrorKind;

    /// A login that counts its calls, and fails while `down`.
    #[derive(Default)]
    struct Server {
        logins: AtomicU32,
        down: std::sync::atomic::AtomicBool,
    }

    impl Server {
        fn login(self: &Arc<Self>, lifetime: u64) -> impl FnOnce() -> LoginFuture + use<> {
            let server = Arc::clone(self);
            move || {
                Box::pin(async move {
                    tokio::task::yield_now().await;
                    let number = server.logins.fetch_add(1, Ordering::Relaxed);
                    if server.down.load(Ordering::Relaxed) {
                        return Err(VaultError::vault(ErrorKind::Unavailable, "down"));
                    }
                    let token = format!("canary-{number}").into();
                    AccessToken::new(&token, Instant::now(), Duration::from_secs(lifetime))
                })
            }
        }
    }

    async fn value(cache: &TokenCache, server: &Arc<Server>, lifetime: u64) -> Result<String, ErrorKind> {
        let token = cache.get(server.login(lifetime)).await.map_err(|error| error.kind())?;
        Ok(token.header().to_str().unwrap().to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn many_requests_share_one_login_until_shortly_before_the_end() {
        let (cache, server) = (TokenCache::default(), Arc::new(Server::default()));
        let all = join_all((0..20).map(|_| value(&cache, &server, 3600))).await;
        assert!(all.iter().all(|value| *value == Ok("Bearer canary-0".to_owned())), "{all:?}");
        advance(Duration::from_secs(3600 - 241)).await;
        assert_eq!(value(&cache, &server, 3600).await.unwrap(), "Bearer canary-0");
        advance(Duration::from_secs(2)).await;
        assert_eq!(value(&cache, &server, 100).await.unwrap(), "Bearer canary-1");
        advance(Duration::from_secs(49)).await;
        assert_eq!(value(&cache, &server, 100).await.unwrap(), "Bearer canary-1", "half of a short life");
        assert_eq!(server.logins.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_outlives_a_failed_refresh_and_not_its_end() {
        let (cache, server) = (TokenCache::default(), Arc::new(Server::default()));
        value(&cache, &server, 3600).await.unwrap();
        server.down.store(true, Ordering::Relaxed);
        advance(Duration::from_secs(3500)).await;
        assert_eq!(value(&cache, &server, 3600).await.unwrap(), "Bearer canary-0");
        advance(Duration::from_secs(100)).await;
        assert_eq!(value(&cache, &server, 3600).await, Err(ErrorKind::Unavailable));
        server.down.store(false, Ordering::Relaxed);
        assert_eq!(value(&cache, &server, 3600).await.unwrap(), "Bearer canary-3");
    }

    #[tokio::test(start_paused = true)]
    async fn a_rejected_token_is_replaced_and_a_later_one_stays() {
        let (cache, server) = (TokenCache::default(), Arc::new(Server::default()));
        let first = cache.get(server.login(3600)).await.unwrap();
        cache.reject(&first);
        assert_eq!(value(&cache, &server, 3600).await.unwrap(), "Bearer canary-1");
        cache.reject(&first);
        assert_eq!(value(&cache, &server, 3600).await.unwrap(), "Bearer canary-1");
    }

    #[tokio::test(start_paused = true)]
    async fn dropping_every_request_cancels_the_login() {
        let cache = TokenCache::default();
        let (started, never) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let hang = {
            let (started, never) = (Arc::clone(&started), Arc::clone(&never));
            move || -> LoginFuture {
                Box::pin(async move {
                    started.notify_one();
                    never.notified().await;
                    Err(VaultError::vault(ErrorKind::Timeout, "never"))
                })
            }
        };
        tokio::select! {
            ended = cache.get(hang) => panic!("{ended:?}"),
            () = started.notified() => {}
        }
        assert_eq!(Arc::strong_count(&never), 1, "the login is dropped");
        assert!(value(&cache, &Arc::default(), 60).await.is_ok(), "the next request logs in by itself");
    }
}
