//! A client that reads slowly, through a receive buffer that holds little.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Bytes of the receive buffer.
const BUFFER: u32 = 64 << 10;

/// A response that is being read.
pub struct Response {
    stream: TcpStream,
    /// Bytes read, those of the head included.
    pub read: usize,
    /// When the last of them came.
    pub last: Instant,
}

impl Response {
    /// Asks for `path` at the server of `url`.
    pub async fn of(url: &str, path: &str) -> Self {
        let address: SocketAddr = url.strip_prefix("http://").unwrap().parse().unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(BUFFER).unwrap();
        let mut stream = socket.connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: gate\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        Self {
            stream,
            read: 0,
            last: Instant::now(),
        }
    }

    /// Reads what is there, once; whether the server sends more.
    pub async fn read(&mut self) -> bool {
        let mut buffer = vec![0; BUFFER as usize];
        let read = self.stream.read(&mut buffer).await.unwrap_or(0);
        if read > 0 {
            self.read += read;
            self.last = Instant::now();
        }
        read > 0
    }

    /// Reads to the end with a pause after each piece.
    pub async fn read_slowly(&mut self, pause: Duration) {
        while self.read().await {
            tokio::time::sleep(pause).await;
        }
    }
}
