//! Hands what a channel receives to a guest as a component-model stream.

use std::{
    pin::Pin,
    task::{Context, Poll},
};
use tokio::sync::mpsc;
use wasmtime::{
    StoreContextMut,
    component::{Destination, StreamProducer, StreamResult},
};

pub(crate) struct Receive<T>(mpsc::Receiver<T>);

impl<T> Receive<T> {
    pub(crate) fn new(receiver: mpsc::Receiver<T>) -> Self {
        Self(receiver)
    }
}

impl<D, T: Send + Sync + 'static> StreamProducer<D> for Receive<T> {
    type Item = T;
    type Buffer = Option<T>;

    fn poll_produce<'a>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        store: StoreContextMut<'a, D>,
        mut destination: Destination<'a, T, Option<T>>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        // A read of length zero only asks whether a read would find something,
        // which a channel cannot know without taking it.
        if destination.remaining(store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        match self.get_mut().0.poll_recv(cx) {
            Poll::Ready(Some(item)) => {
                destination.set_buffer(Some(item));
                Poll::Ready(Ok(StreamResult::Completed))
            }
            Poll::Ready(None) => Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending if finish => Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => Poll::Pending,
        }
    }
}
