//! A counting proxy before a network vault: client → proxy → toxiproxy → server.
//!
//! It counts each connection and request that reaches it, and can respond instead of the server with what the server cannot
//! be made to return. It passes on responses byte by byte, and a reset connection as a reset.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

/// The longest accepted request. Those to a vault have a few hundred bytes.
const MAX_REQUEST: usize = 64 * 1024;

/// A running proxy.
#[derive(Debug)]
pub(crate) struct CountingProxy {
    /// Its address.
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    _task: AbortOnDropHandle<()>,
}

/// A response instead of the server's.
#[derive(Debug, Clone)]
pub(crate) struct ScriptedResponse {
    pub(crate) status: &'static str,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
}

#[derive(Debug)]
struct State {
    to: SocketAddr,
    script: Mutex<Option<Arc<ScriptedResponse>>>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default, Clone)]
pub(crate) struct Seen {
    /// The number of connections.
    pub(crate) connections: usize,
    /// When each request had arrived.
    pub(crate) requests: Vec<SystemTime>,
}

impl CountingProxy {
    /// A proxy on a free port before `to`.
    pub(crate) async fn start(to: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State { to, script: Mutex::default(), seen: Mutex::default() });
        let task = tokio::spawn(accept(listener, Arc::clone(&state)));
        Ok(Self { address, state, _task: AbortOnDropHandle::new(task) })
    }

    /// From the next request on, responds with `scripted`; with `None`, the server responds.
    pub(crate) fn respond(&self, scripted: Option<ScriptedResponse>) {
        *lock(&self.state.script) = scripted.map(Arc::new);
    }

    /// Forgets what was counted.
    pub(crate) fn reset(&self) {
        *lock(&self.state.seen) = Seen::default();
    }

    /// What arrived since the last reset.
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
            // Broken connections are expected here.
            let _ = serve(&state, client).await;
        });
    }
}

/// Serves one client; its first request to the server opens the connection there.
async fn serve(state: &State, mut client: TcpStream) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut server: Option<TcpStream> = None;
    let (mut requests, mut response) = (Vec::new(), vec![0; 16 * 1024]);
    loop {
        tokio::select! {
            read = client.read_buf(&mut requests) => {
                if read? == 0 {
                    return Ok(());
                }
                while let Some(length) = request(&requests)? {
                    lock(&state.seen).requests.push(SystemTime::now());
                    let rest = requests.split_off(length);
                    let request = std::mem::replace(&mut requests, rest);
                    let script = lock(&state.script).clone();
                    match script {
                        Some(scripted) => client.write_all(&scripted.bytes()).await?,
                        None => pass_on(&mut server, state.to, &request, &client).await?,
                    }
                }
            }
            read = from(&mut server, &mut response) => match read {
                Ok(0) => return Ok(()),
                Ok(length) => client.write_all(&response[..length]).await?,
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

/// Ends the client's connection as the server's ended: with a reset if that was one.
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

impl ScriptedResponse {
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
