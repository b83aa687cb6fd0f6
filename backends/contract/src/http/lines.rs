//! A response that is read line by line as it arrives.

use bytes::Bytes;
use reqwest::StatusCode;
use zeroize::Zeroizing;

use super::error;
use super::message::{Response, retry_after};
use crate::VaultError;

/// A response whose body is still arriving. Dropping it closes its connection.
pub struct LineReader {
    location: String,
    response: reqwest::Response,
    /// What arrived and was not returned yet.
    buffer: Zeroizing<Vec<u8>>,
    /// How much of `buffer` is known to hold no line break.
    searched: usize,
}

impl LineReader {
    /// The body of `response`, which the server at `location` sends.
    pub(super) fn new(location: &str, response: reqwest::Response) -> Self {
        Self { location: location.to_owned(), response, buffer: Zeroizing::default(), searched: 0 }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The next line, without its line break; `None` at the end of the body. A last line without a line break is returned,
    /// too.
    ///
    /// # Errors
    ///
    /// With scope vault: `Unavailable` if the connection breaks, `Malformed` if the line is longer than `max_bytes`.
    pub async fn next_line(&mut self, max_bytes: usize) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        loop {
            if let Some(at) = self.buffer[self.searched..].iter().position(|&byte| byte == b'\n') {
                let end = self.searched + at;
                let line = Zeroizing::new(self.buffer[..end].to_vec());
                self.buffer.drain(..=end);
                self.searched = 0;
                return Ok(Some(line));
            }
            self.searched = self.buffer.len();
            if self.buffer.len() > max_bytes {
                return Err(error::too_large(&self.location, max_bytes));
            }
            match self.chunk().await? {
                Some(chunk) => append(&mut self.buffer, &chunk),
                None if self.buffer.is_empty() => return Ok(None),
                None => {
                    self.searched = 0;
                    return Ok(Some(std::mem::take(&mut self.buffer)));
                }
            }
        }
    }

    /// The whole response, for a status that has another body than the one to read line by line.
    ///
    /// # Errors
    ///
    /// As [`LineReader::next_line`].
    pub async fn into_response(mut self, max_bytes: usize) -> Result<Response, VaultError> {
        while let Some(chunk) = self.chunk().await? {
            append(&mut self.buffer, &chunk);
            if self.buffer.len() > max_bytes {
                return Err(error::too_large(&self.location, max_bytes));
            }
        }
        let (status, retry_after) = (self.response.status(), retry_after(self.response.headers()));
        Ok(Response { status, retry_after, body: self.buffer })
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, VaultError> {
        self.response.chunk().await.map_err(|failure| error::from_transport(&self.location, &failure))
    }
}

/// Appends `chunk`. A buffer that is too small is replaced: growing it would leave a copy of its content in memory.
fn append(buffer: &mut Zeroizing<Vec<u8>>, chunk: &[u8]) {
    let length = buffer.len() + chunk.len();
    if buffer.capacity() < length {
        let mut larger = Zeroizing::new(Vec::with_capacity(length.next_power_of_two()));
        larger.extend_from_slice(buffer);
        *buffer = larger;
    }
    buffer.extend_from_slice(chunk);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn reader(body: &'static str) -> LineReader {
        LineReader::new("https://server", http::Response::new(body).into())
    }

    async fn lines(body: &'static str) -> Result<Vec<String>, ErrorKind> {
        let (mut reader, mut found) = (reader(body), Vec::new());
        while let Some(line) = reader.next_line(8).await.map_err(|error| error.kind())? {
            found.push(String::from_utf8(line.to_vec()).unwrap());
        }
        Ok(found)
    }

    #[tokio::test]
    async fn a_body_is_read_line_by_line() {
        assert_eq!(lines("").await, Ok(vec![]));
        assert_eq!(lines("one\ntwo\n").await.unwrap(), ["one", "two"]);
        assert_eq!(lines("one\n\ntwo").await.unwrap(), ["one", "", "two"]);
        let whole = reader("one\ntwo").into_response(7).await.unwrap();
        assert_eq!(&**whole.body, b"one\ntwo");
    }

    #[tokio::test]
    async fn a_line_without_end_is_an_error() {
        assert_eq!(lines("123456789").await, Err(ErrorKind::Malformed));
        assert!(reader("12345678").into_response(7).await.is_err());
    }
}
