//! Reading a request's body, no further than it may go.

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};

/// A body that was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// It is longer than allowed.
    TooLarge,
    /// The connection broke.
    Broken,
}

/// Reads `body` if it is not longer than `limit` bytes, whether or not its
/// length was announced. Of a longer one, no more than the limit is held.
pub async fn body<B>(body: B, limit: usize) -> Result<Bytes, BodyError>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // An announced length can be refused before the first byte is read.
    if body
        .size_hint()
        .upper()
        .is_some_and(|length| length > limit as u64)
    {
        return Err(BodyError::TooLarge);
    }
    match Limited::new(body, limit).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(BodyError::TooLarge),
        Err(_) => Err(BodyError::Broken),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{executor::block_on, stream};
    use http_body::Frame;
    use http_body_util::{Full, StreamBody};

    fn chunks(sizes: &[usize]) -> impl http_body::Body<Data = Bytes, Error = std::io::Error> {
        let frames: Vec<_> = sizes
            .iter()
            .map(|size| Ok(Frame::data(Bytes::from(vec![b'x'; *size]))))
            .collect();
        StreamBody::new(stream::iter(frames))
    }

    #[test]
    fn a_body_may_be_as_long_as_the_limit_and_no_longer() {
        let read = |size| block_on(body(Full::new(Bytes::from(vec![b'x'; size])), 10));
        assert_eq!(read(10).map(|body| body.len()), Ok(10));
        assert_eq!(read(11), Err(BodyError::TooLarge));
    }

    #[test]
    fn a_body_of_unknown_length_is_held_to_the_limit_too() {
        assert_eq!(
            block_on(body(chunks(&[4, 6]), 10)).map(|body| body.len()),
            Ok(10)
        );
        assert_eq!(
            block_on(body(chunks(&[4, 6, 1]), 10)),
            Err(BodyError::TooLarge)
        );
    }

    #[test]
    fn a_body_that_breaks_off_is_no_body() {
        let frames = [
            Ok(Frame::data(Bytes::from("half"))),
            Err(std::io::Error::other("cut")),
        ];
        let broken = StreamBody::new(stream::iter(frames));
        assert_eq!(block_on(body(broken, 10)), Err(BodyError::Broken));
    }
}
