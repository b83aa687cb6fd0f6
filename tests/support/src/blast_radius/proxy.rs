//! A counting proxy before a network vault: client → front → toxiproxy → server.
//!
//! It counts each connection and request that reaches it, whatever becomes of it further on; and answers in the server's
//! place what the server cannot be made to say. Bytes of answers pass as they come, and a reset connection resets the
//! client's.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

/// The longest request that is taken. A vault's are a few hundred bytes.
const MAX_REQUEST: usize = 64 * 1024;

/// A running front.
pub(crate) struct Front {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    _task: AbortOnDropHandle<()>,
}

/// What the front answers in place of the server.
#[derive(Debug, Clone)]
pub(crate) struct Scripted {
    pub(crate) status: &'static str,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
}

struct State {
    to: SocketAddr,
    script: Mutex<Option<Arc<Scripted>>>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default, Clone)]
pub(crate) struct Seen {
    /// How many connections were made.
    pub(crate) connections: usize,
    /// When each request had come.
    pub(crate) requests: Vec<SystemTime>,
}

impl Front {
    /// A front on a free port that leads to `to`.
    pub(crate) async fn start(to: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State { to, script: Mutex::default(), seen: Mutex::default() });
        let task = tokio::spawn(accept(listener, Arc::clone(&state)));
        Ok(Self { address, state, _task: AbortOnDropHandle::new(task) })
    }

    /// From the next request on, answers `scripted` in the server's place; with `None`, the server does.
    pub(crate) fn answer(&self, scripted: Option<Scripted>) {
        *lock(&self.state.script) = scripted.map(Arc::new);
    }

    /// Forgets what was counted.
    pub(crate) fn reset(&self) {
        *lock(&self.state.seen) = Seen::default();
    }

    /// What came since the last reset.
    pub(crate) fn seen(&self) -> Seen {
        lock(&self.state.seen).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((client, _)) = listener.accept().await {
        lock(&state.seen).connections += 1;
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            // A connection that breaks is what this is here for.
            let _ = serve(&state, client).await;
        });
    }
}

/// Serves one client; its connection to the server is made with its first request that goes there.
async fn serve(state: &State, mut client: TcpStream) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut server: Option<TcpStream> = None;
    let (mut asked, mut answered) = (Vec::new(), vec![0; 16 * 1024]);
    loop {
        tokio::select! {
            read = client.read_buf(&mut asked) => {
                if read? == 0 {
                    return Ok(());
                }
                while let Some(length) = request(&asked)? {
                    lock(&state.seen).requests.push(SystemTime::now());
                    let rest = asked.split_off(length);
                    let request = std::mem::replace(&mut asked, rest);
                    let script = lock(&state.script).clone();
                    match script {
                        Some(scripted) => client.write_all(&scripted.bytes()).await?,
                        None => pass_on(&mut server, state.to, &request, &client).await?,
                    }
                }
            }
            read = from(&mut server, &mut answered) => match read {
                Ok(0) => return Ok(()),
                Ok(length) => client.write_all(&answered[..length]).await?,
                Err(error) => return broken(&client, error),
            }
        }
    }
}

async fn pass_on(
    server: &mut Option<TcpStream>,
    to: SocketAddr,
    request: &[u8],
    client: &TcpStream,
) -> io::Result<()> {
    let open = match server {
        Some(open) => open,
        None => {
            let open = TcpStream::connect(to).await?;
            open.set_nodelay(true)?;
            server.insert(open)
        }
    };
    match open.write_all(request).await {
        Ok(()) => Ok(()),
        Err(error) => broken(client, error),
    }
}

async fn from(server: &mut Option<TcpStream>, into: &mut [u8]) -> io::Result<usize> {
    match server {
        Some(server) => server.read(into).await,
        None => std::future::pending().await,
    }
}

/// The server's end broke: so does the client's, and as a reset where it was one.
fn broken(client: &TcpStream, error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::ConnectionReset {
        client.set_zero_linger()?;
    }
    Err(error)
}

/// The length of the first whole request in `bytes`, its body included.
fn request(bytes: &[u8]) -> io::Result<Option<usize>> {
    let Some(head) = bytes.windows(4).position(|end| end == b"\r\n\r\n") else {
        return if bytes.len() > MAX_REQUEST { Err(io::ErrorKind::InvalidData.into()) } else { Ok(None) };
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let body = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    let length = head + 4 + body.unwrap_or(0_usize);
    if length > MAX_REQUEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok((bytes.len() >= length).then_some(length))
}

impl Scripted {
    fn bytes(&self) -> Vec<u8> {
        let head = format!(
            "HTTP/1.1 {}\r\ncontent-type: {}\r\ncontent-length: {}\r\n\r\n",
            self.status,
            self.content_type,
            self.body.len()
        );
        [head.as_bytes(), &self.body].concat()
    }
}
