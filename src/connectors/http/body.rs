//! Reads a response's body within bounds.

use std::io::{self, Write};
use std::sync::Arc;

use reqwest::Response;

use super::charset::ToUtf8;
use super::coding::{Decoder, UnreadableCoding, codings};
use super::content_type::{ContentKind, ContentType};
use super::service::AnswerFormat;
use crate::background::{Large, run_if_large};
use crate::connectors::scrub::COPIES;
use crate::json_meter::{DecodedSize, JsonMeter};
use crate::memory_budget::{Pool, Reservation};

/// The most values that an answer may have: more than 4 MiB of any known service's. It bounds the time that one answer
/// takes, whatever the memory.
pub(super) const MAX_NODES: u64 = 250_000;

/// How many bytes of a compressed body are decoded at once. They may become a thousand times as many.
const CODED_PIECE: usize = 128;

/// The size of a decoded body that is large. Reading this many bytes takes less than a millisecond.
const LARGE_BYTES: usize = 64 * 1024;

/// The capacity of a body's buffer to begin with. It doubles from there.
const LEAST_CAPACITY: usize = 16 * 1024;

/// A body without its codings. It is UTF-8 if it was declared as text in another charset.
#[derive(Debug)]
pub(super) struct RawBody {
    pub(super) content_type: ContentType,
    pub(super) bytes: Vec<u8>,
    /// Whether characters could not be decoded, and were replaced by U+FFFD.
    pub(super) damaged: bool,
    /// What it takes once decoded.
    pub(super) size: DecodedSize,
    /// The memory of `bytes`.
    pub(super) memory: Reservation<Arc<str>>,
}

impl RawBody {
    /// The memory that it takes to decode the body and to search it with `search_bytes`, without that of the body itself.
    ///
    /// Removing credentials from the body, and then from its strings, may need [`COPIES`] of each.
    pub(super) fn memory_to_decode(&self, search_bytes: u64) -> u64 {
        let decoded =
            self.size.bytes + self.size.buffer + search_bytes.max(COPIES * self.size.longest_string);
        decoded.max(COPIES * self.bytes.len() as u64)
    }
}

/// Why a body was not read to its end.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The connection breaks.
    Transport(reqwest::Error),
    /// It is coded in a way that cannot be read.
    Unreadable(UnreadableCoding),
    /// Its codings are cut off or corrupt.
    Corrupt,
    /// A bound is reached.
    Refused(Refusal),
}

/// A bound that a body exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// It has more bytes than the limit.
    #[error("too many bytes")]
    TooLarge,
    /// It has more values than [`MAX_NODES`].
    #[error("too many values")]
    TooManyValues,
    /// The memory for bodies is used up.
    #[error("no memory")]
    NoMemory,
}

impl From<io::Error> for ReadError {
    /// Decoders pass on the errors of their writer, which is a [`Collector`].
    fn from(error: io::Error) -> Self {
        error.downcast().map_or(Self::Corrupt, Self::Refused)
    }
}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        Self::other(refusal)
    }
}

/// Reads and decodes a body of up to `limit` bytes, which is expected to be `format`.
///
/// Nothing beyond a limit is decoded or kept, so a small compressed body cannot fill the memory. The memory for what
/// has arrived is taken from the share of `module`.
///
/// # Errors
///
/// See [`ReadError`].
pub(super) async fn read(
    response: Response,
    format: AnswerFormat,
    limit: u64,
    pool: &Arc<Pool<Arc<str>>>,
    module: &Arc<str>,
) -> Result<RawBody, ReadError> {
    let large = Large::default();
    let work = decode(response, format, limit, Arc::clone(pool), Arc::clone(module), large.clone());
    run_if_large(&large, Box::pin(work)).await
}

async fn decode(
    mut response: Response,
    format: AnswerFormat,
    limit: u64,
    pool: Arc<Pool<Arc<str>>>,
    module: Arc<str>,
    large: Large,
) -> Result<RawBody, ReadError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let content_type = ContentType::from_headers(response.headers());
    let codings = codings(response.headers()).map_err(ReadError::Unreadable)?;
    let memory = pool.take(&module, 0).map_err(|_| ReadError::Refused(Refusal::NoMemory))?;
    let meter = may_be_json(format, &content_type).then(JsonMeter::default);
    let mut collector = Collector { limit, bytes: Vec::new(), meter, memory, large: large.clone() };
    let damaged = {
        let text = match format {
            AnswerFormat::Opaque => ToUtf8::unchanged(&mut collector),
            AnswerFormat::Json | AnswerFormat::Declared => {
                ToUtf8::new(content_type.charset(), &mut collector)
            }
        };
        let mut decoder = Decoder::new(&codings, text);
        let (mut received, mut moved) = (0_usize, false);
        if codings.len() > 1 {
            // A few bytes may become as many as there may be.
            large.set();
        }
        while let Some(chunk) = response.chunk().await.map_err(ReadError::Transport)? {
            // Data that decodes to nothing could go on for ever.
            received = received.saturating_add(chunk.len());
            if received > limit {
                return Err(ReadError::Refused(Refusal::TooLarge));
            }
            if received > LARGE_BYTES {
                large.set();
            }
            let piece = if codings.is_empty() { chunk.len().max(1) } else { CODED_PIECE };
            for piece in chunk.chunks(piece) {
                if large.is_set() && !moved {
                    moved = true;
                    tokio::task::yield_now().await;
                }
                decoder.write_all(piece)?;
            }
            // Others that are large get their turn.
            if moved {
                tokio::task::yield_now().await;
            }
        }
        decoder.finish()?.finish()?
    };
    let Collector { bytes, meter, memory, .. } = collector;
    // A text is one value. So is JSON that cannot be parsed.
    let size = meter.map_or(DecodedSize { nodes: 1, ..DecodedSize::default() }, |meter| meter.size());
    Ok(RawBody { content_type, size: size.or_text(bytes.len()), bytes, damaged, memory })
}

/// Whether a body may be parsed as JSON.
fn may_be_json(format: AnswerFormat, content_type: &ContentType) -> bool {
    match format {
        AnswerFormat::Json => true,
        AnswerFormat::Declared => {
            matches!(content_type.kind(), ContentKind::Json | ContentKind::Html | ContentKind::Undeclared)
        }
        AnswerFormat::Opaque => false,
    }
}

/// Keeps what is written to it, within bounds.
struct Collector {
    limit: usize,
    bytes: Vec<u8>,
    meter: Option<JsonMeter>,
    memory: Reservation<Arc<str>>,
    large: Large,
}

impl Write for Collector {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.limit.saturating_sub(self.bytes.len()) {
            return Err(Refusal::TooLarge.into());
        }
        if let Some(meter) = &mut self.meter {
            meter.feed(bytes);
            if meter.size().nodes > MAX_NODES {
                return Err(Refusal::TooManyValues.into());
            }
        }
        let needed = self.bytes.len() + bytes.len();
        if needed > LARGE_BYTES {
            self.large.set();
        }
        let before = self.bytes.capacity();
        if needed > before {
            let doubled = before.saturating_mul(2).max(LEAST_CAPACITY);
            let capacity = needed.max(doubled).min(self.limit.max(needed));
            self.memory.grow((capacity - before) as u64).map_err(|_| Refusal::NoMemory)?;
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
