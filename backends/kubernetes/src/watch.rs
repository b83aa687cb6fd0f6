//! Watching the namespace.
//!
//! The API server ends each request after 25 s, and the next one goes on from the last version that was reported. So a
//! connection that is half-open is noticed, and so is a login that has expired. The version is kept between two watches, so
//! that changes in between are reported, too. If the API server no longer has it (410), the watch goes on from the current
//! state, and reports that any secret may have changed.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cofferdam_vault::http::{LineReader, parse};
use cofferdam_vault::{BoxStream, Change, ErrorKind, VaultError};
use futures_util::StreamExt as _;
use futures_util::stream::unfold;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::api::{Api, WATCH_SECONDS};
use crate::connection::Connector;
use crate::list;
use crate::object::PartialObject;
use crate::status::{self, Status};

/// Maximum size of an event: the metadata of a Secret, whose annotations may have 256 KiB.
const MAX_EVENT_BYTES: usize = 1024 * 1024;

/// The version up to which changes were reported, of the watch that ended last.
#[derive(Debug, Default)]
pub(crate) struct LastVersion(Mutex<Option<String>>);

/// One watch.
struct Watch<'a> {
    connector: &'a Connector,
    last: &'a LastVersion,
    /// The version up to which changes were reported.
    version: Option<String>,
    /// Whether the API server no longer has that version.
    expired: bool,
    request: Option<OpenRequest>,
    ended: bool,
}

/// A request whose events are being read.
struct OpenRequest {
    lines: LineReader,
    location: String,
    since: Instant,
    /// Whether its version is that of a listing, and nothing was reported since.
    fresh: bool,
}

/// An event of the API.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: EventKind,
    #[serde(borrow)]
    object: &'a RawValue,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
enum EventKind {
    Added,
    Modified,
    Deleted,
    Bookmark,
    Error,
}

/// Watches the Secrets of `connector`'s namespace.
pub(crate) fn watch<'a>(
    connector: &'a Connector,
    last: &'a LastVersion,
) -> BoxStream<'a, Result<Change, VaultError>> {
    let watch = Watch { connector, last, version: last.take(), expired: false, request: None, ended: false };
    unfold(watch, async |mut watch| Some((watch.item().await?, watch))).boxed()
}

impl LastVersion {
    fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set(&self, version: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = version;
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.last.set(self.version.take());
    }
}

impl Watch<'_> {
    async fn item(&mut self) -> Option<Result<Change, VaultError>> {
        if self.ended {
            return None;
        }
        let item = self.next().await;
        self.ended = item.is_err();
        Some(item)
    }

    async fn next(&mut self) -> Result<Change, VaultError> {
        let Some(request) = &mut self.request else { return self.open().await };
        match request.lines.next_line(MAX_EVENT_BYTES).await? {
            Some(line) => self.event(&line).await,
            None if request.since.elapsed() >= Duration::from_secs(WATCH_SECONDS) / 2 => {
                self.request = None;
                self.open().await
            }
            // It would be opened again at once, and again.
            None => Err(VaultError::vault(
                ErrorKind::Unavailable,
                format!("{} ended the watch early; check its log", request.location),
            )),
        }
    }

    /// Opens a request, from the version that was reported last.
    async fn open(&mut self) -> Result<Change, VaultError> {
        let api = Api::connect(self.connector).await?;
        let refused = |status: Status| api.refused_all(status, "a watch", "watch");
        if let Some(version) = self.version.as_ref().filter(|_| !self.expired) {
            match api.watch(version).await? {
                Ok(lines) => {
                    self.request = Some(OpenRequest::new(&api, lines, false));
                    return Ok(Change::None);
                }
                Err(status) if status.is_expired() => self.expired = true,
                Err(status) => return Err(refused(status)),
            }
        }
        let version = list::version(&api).await?;
        let lines = api.watch(&version).await?.map_err(refused)?;
        self.request = Some(OpenRequest::new(&api, lines, true));
        self.expired = false;
        // What changed since the version before is lost.
        Ok(if self.version.replace(version).is_some() { Change::Any } else { Change::None })
    }

    /// What the event in `line` reports.
    async fn event(&mut self, line: &[u8]) -> Result<Change, VaultError> {
        let (location, fresh) = match &mut self.request {
            Some(request) => (request.location.as_str(), std::mem::take(&mut request.fresh)),
            None => ("", false),
        };
        let unexpected = || status::unexpected(location, "a watch");
        let Event { kind, object } = parse(line).map_err(|_| unexpected())?;
        let object = object.get().as_bytes();
        if kind == EventKind::Error {
            let status: Status = parse(object).map_err(|_| unexpected())?;
            // A server that has not even the version that it has just named would be asked again at once, and again.
            if fresh || !status.is_expired() {
                return Err(status.into_watch_error(location));
            }
            self.expired = true;
            return self.open().await;
        }
        let PartialObject { metadata } = parse(object).map_err(|_| unexpected())?;
        let path = metadata.path();
        self.version = Some(metadata.resource_version);
        Ok(match path {
            Some(path) if kind != EventKind::Bookmark => Change::Secret(path),
            _ => Change::None,
        })
    }
}

impl OpenRequest {
    fn new(api: &Api<'_>, lines: LineReader, fresh: bool) -> Self {
        let location = api.connection().location().to_owned();
        Self { lines, location, since: Instant::now(), fresh }
    }
}
