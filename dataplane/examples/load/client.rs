//! One viewer's connection: asks, reads the head, holds status and length against what was promised,
//! and throws the body away, without copying it where there is no TLS.

use std::cell::RefCell;
use std::io;
use std::mem::MaybeUninit;
use std::rc::Rc;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Most bytes thrown away by one call.
const GULP: usize = 1 << 20;
/// Largest head that is read, and what is decrypted at once.
const HEAD: usize = 16 << 10;

/// Where bytes go that nobody looks at; the kernel drops them and writes nothing here.
type Void = Rc<RefCell<Box<[MaybeUninit<u8>]>>>;

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// How to reach the server.
pub struct Target {
    address: String,
    tls: Option<TlsConnector>,
    void: Void,
}

impl Target {
    pub fn new(address: &str, certificate: Option<&str>) -> Self {
        let tls = certificate.map(|path| {
            let mut roots = rustls::RootCertStore::empty();
            roots
                .add(CertificateDer::from_pem_file(path).unwrap())
                .unwrap();
            let config = rustls::ClientConfig::builder()
                .with_root_certificates(roots)
                .with_no_client_auth();
            TlsConnector::from(Arc::new(config))
        });
        Self {
            address: address.to_owned(),
            tls,
            void: Rc::new(RefCell::new(Box::new_uninit_slice(GULP))),
        }
    }
}

/// An open connection.
pub struct Client {
    stream: Stream,
    head: Vec<u8>,
    filled: usize,
    void: Void,
    answers: u64,
    last: bool,
}

/// What was wrong with an answer.
pub enum Wrong {
    /// The connection was closed between answers.
    Closed,
    /// There is too much to do, and the answer says when to come again.
    Shed,
    /// Anything else.
    Other(String),
}

impl Client {
    /// Connects to the address, or to one of those that a file lists now.
    pub async fn connect(target: &Target, number: usize) -> io::Result<Self> {
        let stream = match target.address.strip_prefix('@') {
            None => TcpStream::connect(&target.address).await?,
            Some(file) => {
                let listed = std::fs::read_to_string(file)?;
                let listed: Vec<&str> = listed.lines().collect();
                TcpStream::connect(listed[number % listed.len()]).await?
            }
        };
        stream.set_nodelay(true)?;
        let stream = match &target.tls {
            None => Stream::Plain(stream),
            Some(tls) => {
                let name = ServerName::try_from("localhost").unwrap();
                Stream::Tls(Box::new(tls.connect(name, stream).await?))
            }
        };
        Ok(Self {
            stream,
            head: vec![0; HEAD],
            filled: 0,
            void: target.void.clone(),
            answers: 0,
            last: false,
        })
    }

    async fn send(&mut self, request: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(request).await,
            Stream::Tls(stream) => stream.write_all(request).await,
        }
    }

    async fn read(&mut self) -> io::Result<usize> {
        let room = &mut self.head[self.filled..];
        let read = match &mut self.stream {
            Stream::Plain(stream) => stream.read(room).await?,
            Stream::Tls(stream) => stream.read(room).await?,
        };
        self.filled += read;
        Ok(read)
    }

    /// Throws `left` bytes away.
    async fn discard(&mut self, mut left: usize) -> io::Result<()> {
        while left > 0 {
            let read = match &mut self.stream {
                Stream::Tls(stream) => {
                    let most = left.min(self.head.len());
                    stream.read(&mut self.head[..most]).await?
                }
                Stream::Plain(stream) => {
                    let most = left.min(GULP);
                    let (socket, void) = (SockRef::from(&*stream), &self.void);
                    let drop = || {
                        let void = &mut void.borrow_mut()[..most];
                        socket.recv_with_flags(void, libc::MSG_TRUNC)
                    };
                    stream.async_io(Interest::READABLE, drop).await?
                }
            };
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            left -= read;
        }
        Ok(())
    }

    /// Sends the request and reads until the end of the head, which is where the body begins.
    async fn head(&mut self, request: &[u8]) -> io::Result<usize> {
        self.send(request).await?;
        self.filled = 0;
        loop {
            if self.read().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(end) = end_of_head(&self.head[..self.filled]) {
                return Ok(end);
            }
        }
    }

    /// Asks; the bytes of the body. `expected` is its length, 0 when any will do.
    pub async fn ask(&mut self, request: &[u8], expected: usize) -> Result<usize, Wrong> {
        let end = match self.head(request).await {
            Ok(end) => end,
            // Closed while nothing was asked, which is known only now: asked again on another
            // connection. Source: RFC 9112, section 9.3.1.
            Err(_) if self.answers > 0 && self.filled == 0 => return Err(Wrong::Closed),
            Err(error) => return Err(Wrong::Other(error.to_string())),
        };
        let head = read_head(&self.head[..end])?;
        if !head.shed && expected != 0 && head.length != expected {
            let wrong = format!("{} bytes instead of {expected}", head.length);
            return Err(Wrong::Other(wrong));
        }
        let here = self.filled - end;
        if here > head.length {
            return Err(Wrong::Other("more than was promised".to_owned()));
        }
        let cut = |error: io::Error| Wrong::Other(format!("truncated: {error}"));
        self.discard(head.length - here).await.map_err(cut)?;
        self.answers += 1;
        self.last = head.last;
        match head.shed {
            true => Err(Wrong::Shed),
            false => Ok(head.length),
        }
    }

    /// The server closes the connection after what it has answered.
    pub fn is_last(&self) -> bool {
        self.last
    }
}

struct Head {
    length: usize,
    shed: bool,
    last: bool,
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let at = bytes.windows(4).position(|w| w == b"\r\n\r\n")?;
    Some(at + 4)
}

/// The length of the body, of an answer of status 200 or of one that says when to come again.
fn read_head(head: &[u8]) -> Result<Head, Wrong> {
    let other = |text: &str| Wrong::Other(text.to_owned());
    let text = std::str::from_utf8(head).map_err(|_| other("a head that is no text"))?;
    let value = |wanted: &str| {
        text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case(wanted).then(|| value.trim())
        })
    };
    let shed = text.starts_with("HTTP/1.1 503 ") && value("retry-after").is_some();
    if !shed && !text.starts_with("HTTP/1.1 200 ") {
        return Err(other(text.lines().next().unwrap_or_default()));
    }
    let length = value("content-length").and_then(|length| length.parse().ok());
    Ok(Head {
        shed,
        length: length.ok_or_else(|| other("no content-length"))?,
        last: value("connection").is_some_and(|v| v.eq_ignore_ascii_case("close")),
    })
}
