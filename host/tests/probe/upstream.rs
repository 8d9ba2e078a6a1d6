//! A server for the probe to call.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
};

/// Answers every request with 200 and "upstream", or never, and returns its port.
pub(crate) fn start(answers: bool) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            if answers {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).unwrap();
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nupstream")
                    .unwrap();
            }
            open.push(stream);
        }
    });
    port
}
