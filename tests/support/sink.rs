//! Someone who takes events over HTTP, and behaves as a test wants.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};

/// The secret that events are signed with.
pub const SECRET: &str = "whsec_c2VjcmV0LW9mLXRlc3Rz";

/// An event as it was posted.
#[derive(Clone, Debug)]
pub struct Posted {
    /// The headers, by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
    /// When it was there.
    pub at: Instant,
    /// What was answered.
    pub status: u16,
}

impl Posted {
    /// The event's id.
    pub fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }
}

/// What is answered: a status, and headers.
type Answers = Box<dyn Fn(&Posted) -> (u16, String) + Send>;

struct State {
    posted: Vec<Posted>,
    answers: Answers,
}

/// A server that takes events. It ends with the test's process.
pub struct Sink {
    url: String,
    state: Arc<Mutex<State>>,
}

impl Sink {
    /// One that takes everything.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            posted: Vec::new(),
            answers: Box::new(|_| (204, String::new())),
        }));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                thread::spawn(move || serve(stream, &state));
            }
        });
        Self { url, state }
    }

    /// An address that does not answer.
    pub fn dead() -> Self {
        let url = "http://127.0.0.1:9/hook".to_owned();
        Self {
            url,
            ..Self::start()
        }
    }

    /// How it is configured.
    pub fn configuration(&self, name: &str) -> serde_json::Value {
        serde_json::json!({"name": name, "url": self.url, "secret": SECRET})
    }

    /// Answers otherwise from now on.
    pub fn answer(&self, with: impl Fn(&Posted) -> (u16, String) + Send + 'static) {
        self.state().answers = Box::new(with);
    }

    /// Everything that was posted so far.
    pub fn posted(&self) -> Vec<Posted> {
        self.state().posted.clone()
    }

    /// The ids of what was taken, in that order.
    pub fn taken(&self) -> Vec<String> {
        let posted = self.posted();
        let taken = posted.iter().filter(|posted| posted.status < 300);
        taken.map(|posted| posted.id().to_owned()).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let mut received = Vec::new();
    loop {
        let Some(mut posted) = read(&mut stream, &mut received) else {
            return;
        };
        // A slow answer pauses itself and no other.
        let (status, headers) = (state.lock().unwrap().answers)(&posted);
        let pause = headers.strip_prefix("pause: ");
        if let Some(pause) = pause.and_then(|pause| pause.trim().parse().ok()) {
            thread::sleep(Duration::from_millis(pause));
        }
        posted.status = status;
        state.lock().unwrap().posted.push(posted);
        let answer = format!("HTTP/1.1 {status} Whatever\r\n{headers}content-length: 0\r\n\r\n");
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// The next request on the connection.
fn read(stream: &mut TcpStream, received: &mut Vec<u8>) -> Option<Posted> {
    let end = loop {
        if let Some(at) = received.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        more(stream, received)?;
    };
    let head = String::from_utf8_lossy(&received[..end]).into_owned();
    let headers: BTreeMap<String, String> = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers["content-length"].parse().unwrap();
    while received.len() < end + length {
        more(stream, received)?;
    }
    let rest = received.split_off(end + length);
    let body = received.split_off(end);
    *received = rest;
    Some(Posted {
        headers,
        body,
        at: Instant::now(),
        status: 0,
    })
}

fn more(stream: &mut TcpStream, received: &mut Vec<u8>) -> Option<()> {
    let mut buffer = [0; 8192];
    let length = stream.read(&mut buffer).ok().filter(|length| *length > 0)?;
    received.extend_from_slice(&buffer[..length]);
    Some(())
}
