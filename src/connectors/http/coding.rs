//! The codings of a body, as `Content-Encoding` lists them.
//!
//! A body is decoded as it arrives. Its end is checked: data that ends early, or that something follows, is an error and
//! not a shorter answer.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

/// The coding that requests ask for. Others that are read anyway need not be sent.
pub(super) const ACCEPTED: &str = "gzip";

/// The most codings of one body. No service uses two.
const MAX_CODINGS: usize = 4;

/// Codings that cannot be read. Anything else that is unknown, such as `utf-8` or `none`, is not a coding but a mistake.
const UNREADABLE: [&str; 6] = ["br", "compress", "dcb", "dcz", "x-compress", "zstd"];

/// The size of the buffer for decoded data.
const BUFFER: usize = 32 * 1024;

/// A coding that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// `gzip`, `x-gzip`.
    Gzip,
    /// `deflate`: zlib, or DEFLATE without it, which some services send.
    Deflate,
}

/// A body that is coded in a way that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UnreadableCoding(pub(super) String);

/// Returns the codings of a body, in the order in which they were applied.
///
/// # Errors
///
/// If the body cannot be decoded.
pub(super) fn codings(headers: &HeaderMap) -> Result<Vec<Coding>, UnreadableCoding> {
    let mut codings = Vec::new();
    let lists = headers.get_all(CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    for name in lists.flat_map(|list| list.split(',')) {
        match name.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => codings.push(Coding::Gzip),
            "deflate" => codings.push(Coding::Deflate),
            name if UNREADABLE.contains(&name) => return Err(UnreadableCoding(name.to_owned())),
            _ => {}
        }
    }
    if codings.len() > MAX_CODINGS {
        return Err(UnreadableCoding(format!("{} codings", codings.len())));
    }
    Ok(codings)
}

/// Writes to `W` what is written to it, decoded.
pub(super) enum Decoder<W: Write> {
    Identity(W),
    Gzip { data: Box<MultiGzDecoder<Decoder<W>>>, started: bool },
    Deflate(Box<Inflate<Decoder<W>>>),
}

impl<W: Write> Decoder<W> {
    /// A decoder of a body to which `codings` were applied in this order.
    pub(super) fn new(codings: &[Coding], out: W) -> Self {
        codings.iter().fold(Self::Identity(out), |out, coding| match coding {
            Coding::Gzip => Self::Gzip { data: Box::new(MultiGzDecoder::new(out)), started: false },
            Coding::Deflate => Self::Deflate(Box::new(Inflate::new(out))),
        })
    }

    /// Ends the body, and returns what it was written to. A body without a byte is empty in every coding.
    ///
    /// # Errors
    ///
    /// If the body is not complete, and those of the writer.
    pub(super) fn finish(&mut self) -> io::Result<&mut W> {
        match self {
            Self::Identity(out) => Ok(out),
            Self::Gzip { data, started } => {
                if *started {
                    data.try_finish()?;
                }
                data.get_mut().finish()
            }
            Self::Deflate(data) => {
                data.check_end()?;
                data.out.finish()
            }
        }
    }
}

impl<W: Write> Write for Decoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Identity(out) => out.write(bytes),
            Self::Gzip { data, started } => {
                *started |= !bytes.is_empty();
                data.write(bytes)
            }
            Self::Deflate(data) => data.write_all(bytes).map(|()| bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        // Data is passed on when it is complete. Flushing would end a stream of `flate2`.
        Ok(())
    }
}

/// Decodes `deflate`. The writer of `flate2` does not report that its data ends early.
pub(super) struct Inflate<W> {
    /// `None` before the first byte, which shows whether there is a zlib header.
    state: Option<Decompress>,
    ended: bool,
    buffer: Vec<u8>,
    out: W,
}

impl<W: Write> Inflate<W> {
    fn new(out: W) -> Self {
        Self { state: None, ended: false, buffer: Vec::new(), out }
    }

    fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let Some(&first) = bytes.first() else { return Ok(()) };
        // The method of zlib is 8. No encoder starts a DEFLATE block with these bits.
        let state = self.state.get_or_insert_with(|| Decompress::new(first & 0x0f == 8));
        loop {
            if self.ended {
                return if bytes.is_empty() { Ok(()) } else { Err(corrupt()) };
            }
            let before = state.total_in();
            self.buffer.clear();
            self.buffer.reserve(BUFFER);
            let status = state.decompress_vec(bytes, &mut self.buffer, FlushDecompress::None);
            self.ended = status.map_err(|_| corrupt())? == Status::StreamEnd;
            let read = usize::try_from(state.total_in() - before).unwrap_or(usize::MAX);
            bytes = bytes.get(read..).unwrap_or_default();
            self.out.write_all(&self.buffer)?;
            // A buffer that is not full has all that these bytes mean. Without any progress, they mean nothing.
            let all = bytes.is_empty() && self.buffer.len() < self.buffer.capacity();
            let stuck = read == 0 && self.buffer.is_empty();
            if !self.ended && (all || stuck) {
                return if bytes.is_empty() { Ok(()) } else { Err(corrupt()) };
            }
        }
    }

    fn check_end(&self) -> io::Result<()> {
        if self.state.is_none() || self.ended { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

fn corrupt() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "corrupt deflate data")
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn deflate(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// The body in pieces of several sizes, which must make no difference.
    fn decoded(codings: &[Coding], body: &[u8]) -> Option<Vec<u8>> {
        let results = [1, 2, 7, 1000, usize::MAX].map(|size| {
            let mut decoder = Decoder::new(codings, Vec::new());
            for piece in body.chunks(size) {
                decoder.write_all(piece).ok()?;
            }
            decoder.finish().ok().map(std::mem::take)
        });
        assert!(
            results.iter().all(|result| *result == results[0]),
            "the size of the pieces changes the result"
        );
        results.into_iter().next().unwrap()
    }

    fn text() -> Vec<u8> {
        (0..50_000_u32).flat_map(|n| (n * n).to_le_bytes()).chain([b'x'; 100_000]).collect()
    }

    #[test]
    fn every_coding_and_every_list_of_them_is_read() {
        let text = text();
        for (codings, body) in [
            (&[][..], text.clone()),
            (&[Coding::Gzip], gzip(&text)),
            (&[Coding::Deflate], zlib(&text)),
            (&[Coding::Deflate], deflate(&text)),
            (&[Coding::Gzip, Coding::Deflate], zlib(&gzip(&text))),
            (&[Coding::Deflate, Coding::Gzip], gzip(&zlib(&text))),
        ] {
            assert!(decoded(codings, &body) == Some(text.clone()), "{codings:?}");
        }
        for codings in [&[Coding::Gzip][..], &[Coding::Deflate], &[Coding::Gzip, Coding::Deflate]] {
            assert_eq!(decoded(codings, b""), Some(Vec::new()), "{codings:?}");
        }
        assert_eq!(decoded(&[Coding::Gzip], &gzip(b"")), Some(Vec::new()));
        assert_eq!(decoded(&[Coding::Deflate], &zlib(b"")), Some(Vec::new()));
    }

    #[test]
    fn all_members_of_a_gzip_body_are_read() {
        let body = [gzip(b"first half, "), gzip(b""), gzip(b"second half")].concat();
        assert_eq!(decoded(&[Coding::Gzip], &body), Some(b"first half, second half".to_vec()));
    }

    #[test]
    fn a_body_that_is_cut_anywhere_or_followed_by_anything_is_an_error() {
        let text = b"a text that is long enough to be worth a block of its own, and then some more of it";
        let two = [gzip(b"first half, "), gzip(b"second half")].concat();
        let whole = gzip(b"first half, ").len();
        for (coding, body) in [
            (Coding::Gzip, gzip(text)),
            (Coding::Deflate, zlib(text)),
            (Coding::Deflate, deflate(text)),
            (Coding::Gzip, two.clone()),
        ] {
            for end in 1..body.len() {
                let cut = decoded(&[coding], &body[..end]);
                // Between two members a body looks whole.
                let looks_whole = body == two && end == whole;
                assert_eq!(cut.is_some(), looks_whole, "{coding:?} cut at {end} of {}", body.len());
            }
            assert_eq!(decoded(&[coding], &[&body[..], b"garbage"].concat()), None, "{coding:?}");
            assert_eq!(decoded(&[coding], &[&body[..], b"\0"].concat()), None, "{coding:?}");
        }
        let mut corrupt = gzip(text);
        let last = corrupt.len() - 5;
        corrupt[last] ^= 1;
        assert_eq!(decoded(&[Coding::Gzip], &corrupt), None, "the checksum is wrong");
        assert_eq!(decoded(&[Coding::Gzip], b"nope"), None);
        assert_eq!(decoded(&[Coding::Gzip, Coding::Deflate], &zlib(&gzip(text)[..20])), None);
    }

    #[test]
    fn names_are_read_in_any_case_and_in_lists() {
        let found = |lists: &[&str]| {
            let headers = lists.iter().map(|list| (CONTENT_ENCODING, list.parse().unwrap()));
            codings(&headers.collect())
        };
        assert_eq!(found(&[]), Ok(vec![]));
        assert_eq!(found(&["identity"]), Ok(vec![]));
        assert_eq!(found(&["utf-8", "none"]), Ok(vec![]));
        assert_eq!(found(&["GZip"]), Ok(vec![Coding::Gzip]));
        assert_eq!(found(&["Deflate, identity,x-GZIP"]), Ok(vec![Coding::Deflate, Coding::Gzip]));
        assert_eq!(found(&["deflate", "gzip"]), Ok(vec![Coding::Deflate, Coding::Gzip]));
        assert_eq!(found(&["gzip, BR"]), Err(UnreadableCoding("br".to_owned())));
        assert!(found(&["gzip, gzip, gzip, gzip, gzip"]).is_err());
    }
}
