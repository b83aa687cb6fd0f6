//! The framing of MCP on stdio: one JSON-RPC message per line.

use std::io;

use serde::Serialize;
use serde_json::value::RawValue;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Mutex;

use super::oversized::IdFinder;
use super::protocol::MAX_REQUEST_BYTES;

/// The result of [`read_line`].
pub(super) enum Line {
    /// A line with content.
    Complete,
    /// An empty line, or white space.
    Blank,
    /// A line of more than [`MAX_REQUEST_BYTES`]. Its content is discarded, except for the request ID.
    TooLong(Option<Box<RawValue>>),
    /// The end of the input.
    End,
}

/// Reads one line into `line`, without its line break. The last line does not need one.
pub(super) async fn read_line(
    input: &mut (impl AsyncBufRead + Unpin),
    line: &mut Vec<u8>,
) -> io::Result<Line> {
    line.clear();
    let limit = MAX_REQUEST_BYTES as u64 + 1;
    if (&mut *input).take(limit).read_until(b'\n', line).await? == 0 {
        return Ok(Line::End);
    }
    if line.last() != Some(&b'\n') && line.len() > MAX_REQUEST_BYTES {
        let mut finder = IdFinder::default();
        finder.feed(line);
        while line.last() != Some(&b'\n') {
            line.clear();
            if (&mut *input).take(limit).read_until(b'\n', line).await? == 0 {
                break;
            }
            finder.feed(line);
        }
        line.clear();
        return Ok(Line::TooLong(finder.id()));
    }
    line.truncate(line.trim_ascii_end().len());
    Ok(if line.is_empty() { Line::Blank } else { Line::Complete })
}

/// Writes one message and its line break, without interleaving with other messages.
pub(super) async fn write_message<W: AsyncWrite + Unpin>(
    output: &Mutex<W>,
    message: &impl Serialize,
) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    let mut output = output.lock().await;
    output.write_all(&line).await?;
    output.flush().await
}
