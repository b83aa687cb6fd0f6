//! Admits large requests: how many bytes of them are kept, and how many of them are parsed at once.
//!
//! A request is small until it has more than 64 KiB. Small ones are always read: their number is bounded by that of the
//! connections. A large one takes memory as it arrives, and is given up if it is slow and another one finds none. It waits
//! for its turn before it is parsed, so that callers who send large requests wait for each other only. What is done with
//! all of its bytes is done on the threads of [`background`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse as _, Response};
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::arriving::{Arrival, ArrivingBodies};
use crate::background;
use crate::caller::Caller;
use crate::json_meter::{DecodedSize, JsonMeter};
use crate::mcp::{LARGE_BYTES, MAX_REQUEST_BYTES, MAX_REQUEST_NODES, RequestMemory, RequestReservation};
use crate::memory_budget::{self, MemoryBudget, Pool, Reservation};

/// The timeout for the body of a request.
pub(super) const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a large request waits for others.
const WAIT: Duration = Duration::from_secs(5);

/// Admits the large requests of all callers.
#[derive(Debug, Clone)]
pub(super) struct LargeRequests {
    memory: MemoryBudget,
    arriving: Arc<ArrivingBodies>,
    /// As many as there are threads to parse them.
    turns: Arc<Semaphore>,
}

/// The body of a request.
#[derive(Debug)]
pub(super) struct RequestBody {
    pub(super) bytes: Bytes,
    size: DecodedSize,
    _memory: Vec<Reservation<Caller>>,
}

/// What has arrived of a body.
struct Received {
    body: Body,
    bytes: Vec<u8>,
    meter: JsonMeter,
    /// The memory of `bytes`, if they are many.
    memory: Vec<Reservation<Caller>>,
}

/// What a large request holds while it is parsed.
#[derive(Debug)]
pub(super) struct Admitted {
    memory: RequestReservation,
    _turn: OwnedSemaphorePermit,
}

/// Why a request is not handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It has too many bytes.
    TooLarge,
    /// It has too many values. The request ID is in the body.
    TooManyValues,
    /// It takes more memory than one request may.
    TooMuchMemory,
    /// Other large requests are in the way.
    Busy,
    /// It did not arrive in time.
    Slow,
    /// It ended early.
    Incomplete,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "the body has more than {MAX_REQUEST_BYTES} bytes"),
            Self::TooManyValues => write!(f, "the message has more than {MAX_REQUEST_NODES} values"),
            Self::TooMuchMemory => {
                f.write_str("the message takes too much memory once decoded (`server.memory_budget`)")
            }
            Self::Busy => {
                f.write_str("the memory for large requests (`server.memory_budget`) is in use; try again")
            }
            Self::Slow => f.write_str("the body did not arrive in time"),
            Self::Incomplete => f.write_str("the body is incomplete"),
        }
    }
}

impl Refusal {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::TooLarge | Self::TooManyValues | Self::TooMuchMemory => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Incomplete => StatusCode::BAD_REQUEST,
        }
    }

    /// Returns the response for a request whose ID is not known.
    pub(super) fn response(self) -> Response {
        let mut response = (self.status(), self.to_string()).into_response();
        if self == Self::Busy {
            let seconds = HeaderValue::from(memory_budget::RETRY_AFTER.as_secs());
            response.headers_mut().insert(RETRY_AFTER, seconds);
        }
        response
    }
}

impl LargeRequests {
    pub(super) fn new(memory: MemoryBudget) -> Self {
        Self { memory, arriving: Arc::default(), turns: Arc::new(Semaphore::new(background::threads())) }
    }

    /// Reads the whole body of a request.
    ///
    /// # Errors
    ///
    /// Returns a [`Refusal`]. [`Refusal::TooManyValues`] is left to [`LargeRequests::admit`].
    pub(super) async fn read(
        &self,
        headers: &HeaderMap,
        body: Body,
        caller: &Caller,
    ) -> Result<RequestBody, Refusal> {
        let deadline = Instant::now() + BODY_TIMEOUT;
        let announced =
            headers.get(http::header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if announced.is_some_and(|length: usize| length > MAX_REQUEST_BYTES) {
            return Err(Refusal::TooLarge);
        }
        let mut received = Received::new(body);
        let small = timeout_at(deadline, received.while_small()).await.unwrap_or(Err(Refusal::Slow))?;
        if let Some(next) = small {
            let (pool, caller) = (Arc::clone(self.memory.requests()), caller.clone());
            let arrival = self.arriving.add(&caller);
            let rest = async move {
                let rest = received.rest(next, &arrival, &pool, &caller);
                let rest = tokio::select! {
                    biased;
                    () = arrival.given_up() => Err(Refusal::Slow),
                    rest = timeout_at(deadline, rest) => rest.unwrap_or(Err(Refusal::Slow)),
                };
                let read = rest.map(|()| received);
                // After the memory, if it was given up.
                drop(arrival);
                read
            };
            received = background::run(rest).await?;
        }
        Ok(received.into())
    }

    /// Admits a request. A small one holds nothing. A large one waits for its turn and for memory.
    ///
    /// # Errors
    ///
    /// Returns a [`Refusal`].
    pub(super) async fn admit(
        &self,
        body: &RequestBody,
        caller: &Caller,
    ) -> Result<Option<Admitted>, Refusal> {
        let Some(needed) = RequestMemory::of(body.bytes.len(), body.size) else {
            return Ok(None);
        };
        let deadline = Instant::now() + WAIT;
        let Ok(Ok(turn)) = timeout_at(deadline, self.turns.clone().acquire_owned()).await else {
            return Err(Refusal::Busy);
        };
        if body.size.nodes > MAX_REQUEST_NODES {
            return Err(Refusal::TooManyValues);
        }
        let pool = self.memory.parsing();
        let bytes = needed.parsing + needed.running;
        if bytes > pool.capacity() {
            return Err(Refusal::TooMuchMemory);
        }
        let memory = pool.take_by(caller, bytes, deadline).await.map_err(|_| Refusal::Busy)?;
        Ok(Some(Admitted { memory: RequestReservation::new(needed, memory), _turn: turn }))
    }
}

impl Received {
    fn new(body: Body) -> Self {
        Self { body, bytes: Vec::new(), meter: JsonMeter::default(), memory: Vec::new() }
    }

    /// Reads the body until it is large, and returns the piece with which it is. Returns `None` at its end.
    async fn while_small(&mut self) -> Result<Option<Bytes>, Refusal> {
        while let Some(piece) = self.next().await? {
            let needed = self.bytes.len() + piece.len();
            if needed > LARGE_BYTES {
                return Ok(Some(piece));
            }
            if needed > self.bytes.capacity() && !self.bytes.is_empty() {
                self.grow(needed.max(2 * self.bytes.capacity()).min(LARGE_BYTES));
            }
            self.add(&piece);
        }
        Ok(None)
    }

    /// Reads the rest of a large body, which begins with `next`.
    async fn rest(
        &mut self,
        next: Bytes,
        arrival: &Arrival,
        pool: &Arc<Pool<Caller>>,
        caller: &Caller,
    ) -> Result<(), Refusal> {
        let mut taken = 0;
        let mut next = Some(next);
        while let Some(piece) = next {
            let needed = self.bytes.len() + piece.len();
            if needed > MAX_REQUEST_BYTES {
                return Err(Refusal::TooLarge);
            }
            let before = self.bytes.capacity();
            if needed > before {
                let capacity = needed.max(2 * before);
                let more = (capacity - taken) as u64;
                self.memory.push(arrival.take(pool, caller, more).await.ok_or(Refusal::Busy)?);
                taken = capacity;
                self.grow(capacity);
            }
            self.add(&piece);
            next = self.next().await?;
        }
        Ok(())
    }

    /// The next piece of the body. `None` at its end.
    async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        while let Some(frame) = self.body.frame().await {
            if let Ok(piece) = frame.map_err(|_| Refusal::Incomplete)?.into_data() {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }

    fn grow(&mut self, capacity: usize) {
        self.bytes.reserve_exact(capacity - self.bytes.len());
    }

    fn add(&mut self, piece: &[u8]) {
        self.meter.feed(piece);
        self.bytes.extend_from_slice(piece);
    }
}

impl From<Received> for RequestBody {
    fn from(received: Received) -> Self {
        let Received { bytes, meter, memory, .. } = received;
        Self { bytes: bytes.into(), size: meter.size(), _memory: memory }
    }
}

impl Admitted {
    /// The memory of the request, for whoever handles it.
    pub(super) fn memory(&self) -> &RequestReservation {
        &self.memory
    }

    /// Lets the next request have its turn. This one is parsed, and its memory stays with whoever handles it.
    pub(super) fn parsed(self) {
        self.memory.parsed();
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream::{self, StreamExt as _};

    use super::*;
    use crate::http::arriving::GRACE;

    const MIB: usize = 1024 * 1024;

    fn large_requests() -> LargeRequests {
        LargeRequests::new(MemoryBudget::default())
    }

    async fn read(from: &LargeRequests, body: impl Into<Body>) -> Result<RequestBody, Refusal> {
        from.read(&HeaderMap::new(), body.into(), &Caller::local()).await
    }

    async fn admit(from: &LargeRequests, body: &str) -> Result<Option<Admitted>, Refusal> {
        let body = read(from, body.to_owned()).await?;
        from.admit(&body, &Caller::local()).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_body_is_rejected() {
        let start = Instant::now();
        let byte_a_second = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((Ok::<_, Infallible>("x"), ()))
        });
        let refusal = read(&large_requests(), Body::from_stream(byte_a_second.boxed())).await.unwrap_err();
        assert_eq!((refusal, start.elapsed()), (Refusal::Slow, BODY_TIMEOUT));
    }

    /// A body that was announced as too large must not be read at all, and this one never ends.
    #[tokio::test(start_paused = true)]
    async fn an_announced_length_is_refused_before_anything_is_read() {
        let headers =
            HeaderMap::from_iter([(http::header::CONTENT_LENGTH, HeaderValue::from(MAX_REQUEST_BYTES + 1))]);
        let body = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
        let start = Instant::now();
        let refusal = large_requests().read(&headers, body, &Caller::local()).await.unwrap_err();
        assert_eq!((refusal, start.elapsed()), (Refusal::TooLarge, Duration::ZERO));
    }

    /// One that stays a little below its size and never ends.
    fn stuck(bytes: usize) -> Body {
        let arrived = stream::iter([Ok::<_, Infallible>(Bytes::from(vec![b'x'; bytes]))]);
        Body::from_stream(arrived.chain(stream::pending()).boxed())
    }

    #[tokio::test(start_paused = true)]
    async fn slow_bodies_are_given_up_for_others_the_first_of_them_first() {
        let large_requests = large_requests();
        let mut slow = Vec::new();
        while large_requests.memory.requests().take(&Caller::local(), 4 * MIB as u64).is_ok() {
            let from = large_requests.clone();
            slow.push(tokio::spawn(async move { read(&from, stuck(4 * MIB - 1)).await }));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(slow.len() > 1, "{}", slow.len());
        let refusal = read(&large_requests, vec![b'x'; 4 * MIB]).await.unwrap_err();
        assert_eq!((refusal, slow[0].is_finished()), (Refusal::Busy, false), "they have just begun");

        tokio::time::sleep(GRACE).await;
        let whole = read(&large_requests, vec![b'x'; 4 * MIB]).await.unwrap();
        let first = slow.remove(0).await.unwrap().unwrap_err();
        assert_eq!((first, whole.bytes.len()), (Refusal::Slow, 4 * MIB));
        assert!(slow.iter().all(|slow| !slow.is_finished()), "one was enough");
        // Without a need they may go on.
        drop(whole);
        let start = Instant::now();
        for slow in slow {
            assert_eq!(slow.await.unwrap().unwrap_err(), Refusal::Slow);
        }
        assert!(start.elapsed() > GRACE * 10, "{:?}", start.elapsed());
        assert_eq!(large_requests.memory.requests().used(), 0);
    }

    #[tokio::test]
    async fn large_bodies_take_memory_and_small_ones_do_not() {
        let large_requests = large_requests();
        let pool = large_requests.memory.requests();
        let small = read(&large_requests, "x".repeat(LARGE_BYTES)).await.unwrap();
        assert_eq!(pool.used(), 0);
        let pieces = stream::iter(vec![Ok::<_, Infallible>(Bytes::from(vec![b'x'; 1000])); 1000]);
        let large = read(&large_requests, Body::from_stream(pieces)).await.unwrap();
        assert!(pool.used() >= large.bytes.len() as u64, "{}", pool.used());
        let mut bodies = Vec::new();
        let refusal = loop {
            match read(&large_requests, vec![b'x'; MIB]).await {
                Ok(body) => bodies.push(body),
                Err(refusal) => break refusal,
            }
        };
        assert_eq!(refusal, Refusal::Busy);
        assert!(read(&large_requests, "x".repeat(LARGE_BYTES)).await.is_ok(), "small ones are always read");
        drop((small, large, bodies));
        assert_eq!(pool.used(), 0);
    }

    #[tokio::test]
    async fn what_a_message_becomes_is_bounded() {
        let large_requests = large_requests();
        assert!(admit(&large_requests, "{\"a\":1}").await.unwrap().is_none());
        let too_many = format!("[{}0]", "0,".repeat(50_000));
        assert_eq!(admit(&large_requests, &too_many).await.unwrap_err(), Refusal::TooManyValues);
        let objects = format!("[{}0]", "{\"\":0},".repeat(24_900));
        assert_eq!(admit(&large_requests, &objects).await.unwrap_err(), Refusal::TooMuchMemory);
        let text = format!("[\"{}\\n\"]", "x".repeat(4 * MIB - 10));
        assert!(admit(&large_requests, &text).await.unwrap().is_some(), "the content of a file");
        assert_eq!(large_requests.memory.parsing().used(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn large_requests_are_parsed_in_turn() {
        let large_requests = large_requests();
        let text = format!("[\"{}\"]", "x".repeat(2 * LARGE_BYTES));
        let first = admit(&large_requests, &text).await.unwrap().unwrap();
        let mut others = Vec::new();
        for _ in 1..background::threads() {
            others.push(admit(&large_requests, &text).await.unwrap().unwrap());
        }
        let start = Instant::now();
        assert_eq!(admit(&large_requests, &text).await.unwrap_err(), Refusal::Busy);
        assert_eq!(start.elapsed(), WAIT);
        let used = || large_requests.memory.parsing().used();
        let (before, handled) = (used(), first.memory().clone());
        first.parsed();
        let parsed = used();
        assert!(parsed < before, "{parsed} of {before}");
        assert!(admit(&large_requests, &text).await.unwrap().is_some());
        assert_eq!(used(), parsed);
        drop(handled);
        assert!(used() < parsed);
    }

    #[test]
    fn who_is_refused_because_of_others_learns_when_to_try_again() {
        let response = Refusal::Busy.response();
        assert_eq!(
            (response.status().as_u16(), &response.headers()[RETRY_AFTER]),
            (503, &HeaderValue::from(1))
        );
        assert_eq!(Refusal::TooLarge.response().status().as_u16(), 413);
    }
}
