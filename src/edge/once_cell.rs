//! What an instance sets up once, when it is first needed.

use smartcar::{AsyncMutex, Clock};
use std::sync::OnceLock;

/// A value that the first request of an instance makes and all share.
#[derive(Debug, Default)]
pub struct OnceCell<T> {
    value: OnceLock<T>,
    turn: AsyncMutex,
}

impl<T> OnceCell<T> {
    /// A cell without a value.
    pub const fn new() -> Self {
        Self {
            value: OnceLock::new(),
            turn: AsyncMutex::new(),
        }
    }

    /// The value; made by `make` if there is none yet. While one request makes
    /// it the others wait, by `clock`; where that fails, the next one tries.
    pub async fn get_or_try_init<E>(
        &self,
        clock: &impl Clock,
        make: impl AsyncFnOnce() -> Result<T, E>,
    ) -> Result<&T, E> {
        if let Some(value) = self.value.get() {
            return Ok(value);
        }
        let _turn = self.turn.take(clock).await;
        if let Some(value) = self.value.get() {
            return Ok(value);
        }
        let value = make().await?;
        Ok(self.value.get_or_init(|| value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::future::join_all;
    use smartcar::testing::Fake;
    use std::{cell::Cell, time::Duration};

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn once_makes_one_value_while_the_others_wait() {
        let (fake, once, made) = (Fake::new(), OnceCell::new(), Cell::new(0));
        let requests = (0..5).map(|_| {
            once.get_or_try_init(&fake, async || {
                made.set(made.get() + 1);
                fake.sleep(SECOND).await;
                Ok::<_, ()>(made.get())
            })
        });
        let began = fake.now();
        assert_eq!(fake.run(join_all(requests)), [Ok(&1); 5]);
        assert_eq!(made.get(), 1);
        assert!(fake.now().since(began) < 2 * SECOND);
        let later = once.get_or_try_init(&fake, async || Err("it is there"));
        assert_eq!(fake.run(later), Ok(&1));
    }

    #[test]
    fn once_lets_the_next_one_try_after_a_failure() {
        let (fake, once, tries) = (Fake::new(), OnceCell::new(), Cell::new(0));
        let requests = (0..3).map(|_| {
            once.get_or_try_init(&fake, async || {
                tries.set(tries.get() + 1);
                fake.sleep(SECOND).await;
                if tries.get() < 2 {
                    Err("not yet")
                } else {
                    Ok(tries.get())
                }
            })
        });
        let results = fake.run(join_all(requests));
        assert_eq!(results, [Err("not yet"), Ok(&2), Ok(&2)]);
        assert_eq!(tries.get(), 2);
    }

    #[test]
    fn once_is_left_to_the_others_by_a_request_that_is_dropped() {
        let (fake, once) = (Fake::new(), OnceCell::new());
        fake.run(async {
            let dropped = once.get_or_try_init(&fake, async || {
                std::future::pending::<Result<u8, ()>>().await
            });
            assert!(futures::future::poll_immediate(dropped).await.is_none());
            let next = once.get_or_try_init(&fake, async || Ok::<_, ()>(7));
            assert_eq!(next.await, Ok(&7));
        });
    }
}
