//! A web server of a few lines on 127.0.0.1, that misbehaves as asked.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

/// How one address answers.
#[derive(Clone)]
pub enum Page {
    /// The content, or the range of it that is asked for.
    Good(Vec<u8>),
    /// The whole content, whatever range is asked for.
    IgnoresRange(Vec<u8>),
    /// Announces the content and closes the connection after so many bytes of it.
    CutAfter(usize, Vec<u8>),
    /// The content without announcing its length.
    Unannounced(Vec<u8>),
    /// An error status.
    Status(u16),
}

/// Serves until dropped.
pub struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// `pages` are pairs of path (with the leading slash) and answer; others are not found.
    pub fn start(pages: Vec<(&'static str, Page)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (log, stopped) = (requests.clone(), stop.clone());
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                // A client that hangs up early is part of the tests.
                let _ = answer(stream.unwrap(), &pages, &log);
            }
        });
        Self { address, requests, stop, thread: Some(thread) }
    }

    /// The full address of `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What was asked for so far, as `path` or `path from N`.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().unwrap().join();
    }
}

fn answer(
    stream: TcpStream,
    pages: &[(&'static str, Page)],
    log: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(&stream).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut start = None;
    for line in lines {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            start = range.trim_end_matches('-').parse::<usize>().ok();
        }
    }
    let from = start.map(|start| format!(" from {start}")).unwrap_or_default();
    log.lock().unwrap().push(format!("{path}{from}"));

    let page = pages.iter().find(|(name, _)| *name == path).map(|(_, page)| page.clone());
    let whole = |content: &[u8]| ("200 OK".to_owned(), content.to_vec());
    let (status, body) = match page.unwrap_or(Page::Status(404)) {
        Page::Status(code) => (format!("{code} Error"), Vec::new()),
        Page::IgnoresRange(content) => whole(&content),
        Page::Unannounced(content) => {
            (&stream).write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            return (&stream).write_all(&content);
        }
        Page::CutAfter(count, content) => {
            let length = content.len();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            (&stream).write_all(head.as_bytes())?;
            return (&stream).write_all(&content[..count]);
        }
        Page::Good(content) => match start {
            None => whole(&content),
            Some(start) if start >= content.len() => ("416 Error".into(), Vec::new()),
            Some(start) => {
                let range = format!("{start}-{}/{}", content.len() - 1, content.len());
                let status = format!("206 Partial\r\nContent-Range: bytes {range}");
                (status, content[start..].to_vec())
            }
        },
    };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    (&stream).write_all(head.as_bytes())?;
    (&stream).write_all(&body)
}
