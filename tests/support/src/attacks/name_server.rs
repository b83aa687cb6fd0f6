//! A name server that knows one domain and is silent about every other one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tokio::net::UdpSocket;
use tokio_util::task::AbortOnDropHandle;

use super::Failed;

/// Names below this one have the address 127.0.0.1. There is never an answer about others.
pub(super) const ANSWERED: &str = "answered.test";

/// Its address: `resolv.conf` can name no other port. Few machines have a name server on all loopback addresses.
const ADDRESS: &str = "127.7.7.53:53";

/// A resolver that waits as long as it may. The default is ten seconds, after which the system's resolver gives up.
const RESOLV_CONF: &str = "nameserver 127.7.7.53\noptions timeout:30 attempts:5\n";

/// The length of the header of a message.
const HEADER: usize = 12;

/// A running name server. It ends when it is dropped.
#[derive(Debug)]
pub(super) struct NameServer {
    resolv_conf: PathBuf,
    _task: AbortOnDropHandle<()>,
}

impl NameServer {
    /// Starts it, and writes a `resolv.conf` for it into `folder`.
    pub(super) async fn start(folder: &Path) -> Result<Self, Failed> {
        let socket = UdpSocket::bind(ADDRESS).await.map_err(|error| {
            format!(
                "no name server can listen on {ADDRESS}: {error}; run as root, and without another one there"
            )
        })?;
        let resolv_conf = folder.join("resolv.conf");
        fs::write(&resolv_conf, RESOLV_CONF)?;
        let task = tokio::spawn(async move {
            // A datagram that cannot be received or sent is lost, as on a network.
            loop {
                let _ = serve(&socket).await;
            }
        });
        Ok(Self { resolv_conf, _task: AbortOnDropHandle::new(task) })
    }

    /// The file that a server sees as `/etc/resolv.conf`.
    pub(super) fn resolv_conf(&self) -> &Path {
        &self.resolv_conf
    }
}

async fn serve(socket: &UdpSocket) -> io::Result<()> {
    let mut query = [0; 1500];
    let (length, client) = socket.recv_from(&mut query).await?;
    if let Some(answer) = answer(&query[..length]) {
        socket.send_to(&answer, client).await?;
    }
    Ok(())
}

/// The answer to a query of one question (RFC 1035, section 4.1).
fn answer(query: &[u8]) -> Option<Vec<u8>> {
    const A: &[u8] = &[0, 1];
    let (name, end) = name(query)?;
    if name != ANSWERED && !name.ends_with(&format!(".{ANSWERED}")) {
        return None;
    }
    let (kind, question) = (query.get(end..end + 2)?, query.get(HEADER..end + 4)?);
    let has_address = kind == A;
    let mut answer = query.get(..2)?.to_vec();
    // A response without an error, recursion available; one question, and one answer if it has an address.
    answer.extend([0x81, 0x80, 0, 1, 0, u8::from(has_address), 0, 0, 0, 0]);
    answer.extend(question);
    if has_address {
        // The question's name, A, IN, to be kept for no time, four bytes.
        answer.extend([0xc0, HEADER as u8, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1]);
    }
    Some(answer)
}

/// The name of the first question, in lower case, and where it ends.
fn name(query: &[u8]) -> Option<(String, usize)> {
    let (mut labels, mut at) = (Vec::new(), HEADER);
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(name: &str, kind: u8) -> Vec<u8> {
        let mut query = vec![7, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            query.push(u8::try_from(label.len()).unwrap());
            query.extend(label.as_bytes());
        }
        query.extend([0, 0, kind, 0, 1]);
        query
    }

    #[test]
    fn names_of_one_domain_have_an_address_and_others_no_answer() {
        let answered = answer(&query("Vault.answered.test", 1)).unwrap();
        assert_eq!((&answered[..2], &answered[answered.len() - 4..]), (&[7, 9][..], &[127, 0, 0, 1][..]));
        let without = answer(&query("vault.answered.test", 28)).unwrap();
        assert_eq!((without[3], without[7]), (0x80, 0), "no IPv6 address, and no error");
        assert_eq!(answer(&query("api.silent.test", 1)), None);
        assert_eq!(answer(&query("notanswered.test", 1)), None);
        assert_eq!(answer(&[0; 12]), None);
    }
}
