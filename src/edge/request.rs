//! Reading a request's body, no further than it may go.

use crate::respond::Problem;
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body_util::BodyExt;
use std::pin::pin;

/// Reads `body` if it is not longer than `limit` bytes, whether or not its
/// length was announced. Of a longer one, no more than the limit is held.
pub async fn body<B>(body: B, limit: usize) -> Result<Bytes, Problem>
where
    B: http_body::Body<Data = Bytes>,
{
    // An announced length can be refused before the first byte is read.
    let announced = body.size_hint().upper();
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(too_large(limit));
    }
    let mut body = pin!(body);
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| incomplete())?;
        let Ok(piece) = frame.into_data() else {
            continue;
        };
        if whole.len() + piece.len() > limit {
            return Err(too_large(limit));
        }
        if whole.is_empty() {
            whole = piece.into();
        } else {
            whole.extend_from_slice(&piece);
        }
        // To be told that nothing follows takes two more calls of the host.
        if announced == Some(whole.len() as u64) {
            break;
        }
    }
    Ok(whole.freeze())
}

fn incomplete() -> Problem {
    let detail = "the body ended before its announced length";
    Problem::new(StatusCode::BAD_REQUEST, "BODY_INCOMPLETE", detail)
}

fn too_large(limit: usize) -> Problem {
    let detail = format!("a body has at most {limit} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE", detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{executor::block_on, stream};
    use http_body::Frame;
    use http_body_util::{Full, StreamBody};

    /// How much was read, or the code of the refusal.
    fn read<B>(of: B, limit: usize) -> Result<usize, &'static str>
    where
        B: http_body::Body<Data = Bytes>,
    {
        let read = block_on(body(of, limit));
        read.map(|body| body.len()).map_err(|problem| problem.code)
    }

    fn chunks(sizes: &[usize]) -> impl http_body::Body<Data = Bytes, Error = std::io::Error> {
        let frames: Vec<_> = sizes
            .iter()
            .map(|size| Ok(Frame::data(Bytes::from(vec![b'x'; *size]))))
            .collect();
        StreamBody::new(stream::iter(frames))
    }

    #[test]
    fn a_body_may_be_as_long_as_the_limit_and_no_longer() {
        let of = |size| read(Full::new(Bytes::from(vec![b'x'; size])), 10);
        assert_eq!(of(10), Ok(10));
        assert_eq!(of(11), Err("BODY_TOO_LARGE"));
    }

    #[test]
    fn a_body_of_unknown_length_is_held_to_the_limit_too() {
        assert_eq!(read(chunks(&[4, 6]), 10), Ok(10));
        assert_eq!(read(chunks(&[4, 6, 1]), 10), Err("BODY_TOO_LARGE"));
    }

    #[test]
    fn a_body_that_breaks_off_is_no_body() {
        let frames = [
            Ok(Frame::data(Bytes::from("half"))),
            Err(std::io::Error::other("cut")),
        ];
        let broken = StreamBody::new(stream::iter(frames));
        assert_eq!(read(broken, 10), Err("BODY_INCOMPLETE"));
    }
}
