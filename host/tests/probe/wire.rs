//! Requests written byte by byte, for tests of what an HTTP client would tidy up.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

pub(crate) struct Wire(BufReader<TcpStream>);

pub(crate) struct Response {
    pub(crate) status: u16,
    /// As sent, without the status line.
    pub(crate) headers: Vec<String>,
    pub(crate) body: String,
}

impl Wire {
    pub(crate) fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        Self(BufReader::new(stream))
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// The next response; one without Content-Length has no body here.
    pub(crate) fn receive(&mut self) -> Response {
        let status_line = self.line();
        let status = status_line.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            if line.is_empty() {
                break;
            }
            headers.push(line);
        }
        let length = headers
            .iter()
            .find_map(|header| header.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        Response {
            status,
            headers,
            body: String::from_utf8(body).unwrap(),
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

/// A request that is inside an instance, which waits for the rest of its body.
pub(crate) struct Held(Wire);

impl Held {
    /// Returns once the component reads the body: only then does the host ask
    /// for it ("100 Continue").
    pub(crate) fn start(address: &str) -> Self {
        let mut wire = Wire::connect(address);
        wire.send(
            "POST /hold HTTP/1.1\r\nHost: probe\r\nContent-Length: 1\r\n\
             Expect: 100-continue\r\n\r\n",
        );
        assert_eq!(wire.receive().status, 100);
        Self(wire)
    }

    /// Sends the rest and returns the name of the instance.
    pub(crate) fn finish(mut self) -> String {
        self.0.send("x");
        let response = self.0.receive();
        assert_eq!(response.status, 200);
        response.body.split(' ').next().unwrap().to_owned()
    }
}
