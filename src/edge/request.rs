//! Reading a request's body, no further than it may go.

use crate::respond::{Code, Problem};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use std::pin::pin;

/// How much is read of a body that is too long, and forgotten: the host hangs up on
/// a client that is still sending, and that one may not see the answer.
const FORGOTTEN: u64 = 1024 * 1024;

/// Reads `body` if it is not longer than `limit` bytes, whether or not its
/// length was announced. Of a longer one, no more than the limit is held.
pub async fn body<B>(body: B, limit: usize) -> Result<Bytes, Problem>
where
    B: http_body::Body<Data = Bytes>,
{
    let announced = body.size_hint().upper();
    let is_over = |length: u64| length > limit as u64;
    let mut is_too_large = announced.is_some_and(is_over);
    if announced.is_some_and(|length| length > FORGOTTEN) {
        return Err(too_large(limit));
    }
    let mut body = pin!(body);
    let mut whole = BytesMut::new();
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| incomplete())?;
        let Ok(piece) = frame.into_data() else {
            continue;
        };
        read += piece.len() as u64;
        is_too_large |= is_over(read);
        if is_too_large {
            whole = BytesMut::new();
        } else if whole.is_empty() {
            whole = piece.into();
        } else {
            whole.extend_from_slice(&piece);
        }
        // Finding out that nothing follows takes two more calls of the host.
        if announced == Some(read) || read > FORGOTTEN {
            break;
        }
    }
    if is_too_large {
        return Err(too_large(limit));
    }
    Ok(whole.freeze())
}

fn incomplete() -> Problem {
    let detail = "the body ended before its announced length";
    Problem::new(Code::BodyIncomplete, detail)
}

fn too_large(limit: usize) -> Problem {
    let detail = format!("a body has at most {limit} bytes");
    Problem::new(Code::BodyTooLarge, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{StreamExt, executor::block_on, stream};
    use http_body::{Frame, SizeHint};
    use http_body_util::{Full, StreamBody};
    use std::{
        cell::Cell,
        pin::Pin,
        task::{Context, Poll},
    };

    /// How much was read, or the code of the refusal.
    fn read<B>(of: B, limit: usize) -> Result<usize, Code>
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
    fn body_may_be_as_long_as_the_limit_and_no_longer() {
        let of = |size| read(Full::new(Bytes::from(vec![b'x'; size])), 10);
        assert_eq!(of(10), Ok(10));
        assert_eq!(of(11), Err(Code::BodyTooLarge));
    }

    #[test]
    fn body_of_unknown_length_is_held_to_the_limit_too() {
        assert_eq!(read(chunks(&[4, 6]), 10), Ok(10));
        assert_eq!(read(chunks(&[4, 6, 1]), 10), Err(Code::BodyTooLarge));
    }

    #[test]
    fn body_that_is_too_long_is_read_on_for_a_while() {
        let piece = FORGOTTEN as usize / 4;
        let taken = |many| {
            let taken = Cell::new(0);
            let frames = stream::repeat_with(|| {
                taken.set(taken.get() + 1);
                Ok::<_, std::io::Error>(Frame::data(Bytes::from(vec![b'x'; piece])))
            });
            let body = StreamBody::new(frames.take(many));
            assert_eq!(read(body, 10), Err(Code::BodyTooLarge));
            taken.get()
        };
        assert_eq!([taken(3), taken(1000)], [3, 5]);
        // Of one that announces more, nothing.
        assert_eq!(read(Endless, 10), Err(Code::BodyTooLarge));
    }

    /// A body of more than anyone reads.
    struct Endless;

    impl http_body::Body for Endless {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
            panic!("it was not asked for")
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(FORGOTTEN + 1)
        }
    }

    #[test]
    fn body_that_breaks_off_is_not_a_body() {
        let frames = [
            Ok(Frame::data(Bytes::from("half"))),
            Err(std::io::Error::other("cut")),
        ];
        let broken = StreamBody::new(stream::iter(frames));
        assert_eq!(read(broken, 10), Err(Code::BodyIncomplete));
    }
}
