//! An answer that arrives slowly is watched to its end, whether the caller waits for it
//! or leaves.

use bytes::{Bytes, BytesMut};
use futures::{Stream, stream};
use http_body::Frame;
use smartcar::{BodyStream, ResponseBody, Spawn, TransportError};

/// What is kept of such an answer.
const KEPT: usize = 64 * 1024;

/// What is done once an answer has ended. It may be begun a second time, where the
/// caller left in the middle of the first.
pub(crate) trait Record {
    /// Records the end of an answer: what is kept of its body, and why it broke off,
    /// where it did.
    async fn end(&self, body: Bytes, error: Option<&TransportError>);
}

/// Hands on the pieces of an answer as they come. The end reaches the caller when it is
/// recorded.
pub(crate) fn watched<B: BodyStream, R: Record + 'static, S: Spawn>(
    spawn: S,
    body: ResponseBody<B>,
    record: R,
) -> impl Stream<Item = Result<Frame<Bytes>, TransportError>> {
    let watched = Watched {
        watch: Some(Watch {
            body,
            collected: BytesMut::new(),
            ended: None,
            record,
        }),
        spawn,
    };
    stream::unfold(watched, async |mut watched| {
        let watch = watched.watch.as_mut()?;
        if let Some(piece) = watch.next().await {
            return Some((Ok(Frame::data(piece)), watched));
        }
        watch.end().await;
        let ended = watched.watch.take()?.ended;
        Some((Err(ended?.err()?), watched))
    })
}

/// An answer on its way.
struct Watch<B, R> {
    body: ResponseBody<B>,
    collected: BytesMut,
    /// How it ended: nothing is read after that.
    ended: Option<Result<(), TransportError>>,
    record: R,
}

impl<B: BodyStream, R: Record> Watch<B, R> {
    /// The next piece; None where the answer has ended.
    async fn next(&mut self) -> Option<Bytes> {
        if self.ended.is_some() {
            return None;
        }
        match self.body.next().await {
            Some(Ok(piece)) => {
                let room = KEPT.saturating_sub(self.collected.len());
                let kept = piece.get(..room.min(piece.len())).unwrap_or_default();
                self.collected.extend_from_slice(kept);
                Some(piece)
            }
            end => {
                self.ended = Some(end.map_or(Ok(()), |end| end.map(drop)));
                None
            }
        }
    }

    async fn end(&self) {
        let error = self.ended.as_ref().and_then(|ended| ended.as_ref().err());
        let body = Bytes::copy_from_slice(&self.collected);
        self.record.end(body, error).await;
    }
}

/// A watch that goes on where the caller leaves, until the end is recorded.
struct Watched<B: BodyStream, R: Record + 'static, S: Spawn> {
    watch: Option<Watch<B, R>>,
    spawn: S,
}

impl<B: BodyStream, R: Record + 'static, S: Spawn> Drop for Watched<B, R, S> {
    fn drop(&mut self) {
        if let Some(mut watch) = self.watch.take() {
            self.spawn.spawn(async move {
                while watch.next().await.is_some() {}
                watch.end().await;
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{FutureExt, StreamExt, future::LocalBoxFuture};
    use smartcar::Sent;
    use std::{cell::RefCell, collections::VecDeque, future::pending, rc::Rc};

    /// A body that must not be read beyond its end.
    struct Body(VecDeque<Option<Result<&'static str, &'static str>>>);

    impl BodyStream for Body {
        async fn next(&mut self) -> Option<Result<Bytes, TransportError>> {
            let next = self.0.pop_front().expect("it has ended");
            next.map(|piece| {
                piece.map(Bytes::from).map_err(|detail| {
                    let detail = detail.to_owned();
                    let sent = Sent::Maybe;
                    TransportError { sent, detail }
                })
            })
        }
    }

    /// A record that is kept waiting at first, and the tasks in the background.
    #[derive(Clone, Default)]
    struct Fake(Rc<RefCell<State>>);

    #[derive(Default)]
    struct State {
        is_locked: bool,
        ends: Vec<(Bytes, Option<String>)>,
        tasks: Vec<LocalBoxFuture<'static, ()>>,
    }

    impl Record for Fake {
        async fn end(&self, body: Bytes, error: Option<&TransportError>) {
            if self.0.borrow().is_locked {
                pending::<()>().await;
            }
            let error = error.map(|error| error.detail.clone());
            self.0.borrow_mut().ends.push((body, error));
        }
    }

    impl Spawn for Fake {
        fn spawn(&self, task: impl Future<Output = ()> + 'static) {
            self.0.borrow_mut().tasks.push(task.boxed_local());
        }
    }

    #[test]
    fn watch_records_the_end_once_wherever_the_caller_leaves() {
        for error in [None, Some("cut")] {
            // The caller leaves after none, one or both pieces, or waits for the end.
            for (read, is_locked) in [(0, false), (1, false), (2, false), (3, true), (3, false)] {
                let fake = Fake::default();
                fake.0.borrow_mut().is_locked = is_locked;
                let end = error.map(Err);
                let body = VecDeque::from([Some(Ok("a")), Some(Ok("b")), end]);
                let body = ResponseBody::Streaming(Body(body));
                let mut stream = Box::pin(watched(fake.clone(), body, fake.clone()));
                for at in 0..read {
                    let next = stream.next().now_or_never();
                    let is_piece = matches!(next, Some(Some(Ok(_))));
                    assert_eq!(is_piece, at < 2, "{error:?} {read}");
                    assert_eq!(next.is_none(), at == 2 && is_locked);
                }
                fake.0.borrow_mut().is_locked = false;
                drop(stream);
                let tasks = std::mem::take(&mut fake.0.borrow_mut().tasks);
                let is_over = read == 3 && !is_locked;
                assert_eq!(tasks.len(), usize::from(!is_over), "{error:?} {read}");
                for task in tasks {
                    assert_eq!(task.now_or_never(), Some(()), "{error:?} {read}");
                }
                let expected = (Bytes::from_static(b"ab"), error.map(str::to_owned));
                assert_eq!(fake.0.borrow().ends, [expected], "{error:?} {read}");
            }
        }
    }
}
