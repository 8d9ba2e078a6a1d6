//! When a call is made again, and after which wait.

use crate::{Error, Random, Sent, client::back_off::back_off, endpoints::Endpoint};
use http::{Method, StatusCode};
use std::time::Duration;

/// How often a call is made again at most.
const RETRIES: u32 = 2;

/// Under which circumstances a call is made again. A limit (429, 430) and an
/// error of the caller's (4xx) never are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Reading changes nothing: again after 502, 503, 504, and where no answer came.
    Read,
    /// Happens at most once: again only where the request certainly was not sent.
    Once,
}

impl Policy {
    /// The policy for an endpoint.
    pub fn of(endpoint: &Endpoint) -> Self {
        if endpoint.method == Method::GET {
            Self::Read
        } else {
            Self::Once
        }
    }

    /// How long to wait before the call is made again, if it is to be.
    pub(crate) fn wait(
        self,
        status: Result<StatusCode, &Error>,
        retries: u32,
        chance: &impl Random,
    ) -> Option<Duration> {
        let again = match (self, status) {
            (Self::Read, Ok(status)) => matches!(
                status,
                StatusCode::BAD_GATEWAY
                    | StatusCode::SERVICE_UNAVAILABLE
                    | StatusCode::GATEWAY_TIMEOUT
            ),
            (Self::Read, Err(Error::Transport(_))) => true,
            (Self::Once, Err(Error::Transport(error))) => error.sent == Sent::No,
            _ => false,
        };
        (again && retries < RETRIES).then(|| back_off(retries, chance))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Chance(f64);

    impl Random for Chance {
        fn unit(&self) -> f64 {
            self.0
        }
    }

    #[test]
    fn waits_are_any_part_of_200_ms_which_double_and_there_are_two() {
        let wait = |retries, chance| {
            let away = Ok(StatusCode::BAD_GATEWAY);
            Policy::Read.wait(away, retries, &Chance(chance))
        };
        let longest = [0, 1, 2].map(|retries| wait(retries, 1.0));
        let millis = |millis| Some(Duration::from_millis(millis));
        assert_eq!(longest, [millis(200), millis(400), None]);
        assert_eq!(wait(1, 0.5), millis(200));
        assert_eq!(wait(0, 0.0), millis(0));
    }

    #[test]
    fn change_is_made_again_only_where_it_was_not_sent() {
        let again = |policy: Policy, status| policy.wait(status, 0, &Chance(1.0)).is_some();
        let silence = |sent| {
            let detail = String::new();
            Error::Transport(crate::TransportError { sent, detail })
        };
        let (unsent, sent) = (silence(Sent::No), silence(Sent::Maybe));
        assert!(again(Policy::Read, Err(&unsent)) && again(Policy::Read, Err(&sent)));
        assert!(again(Policy::Once, Err(&unsent)) && !again(Policy::Once, Err(&sent)));
        for status in [500, 429, 430, 409, 200] {
            let status = StatusCode::from_u16(status).unwrap();
            assert!(!again(Policy::Read, Ok(status)), "{status}");
        }
        for status in [502, 503, 504] {
            let status = StatusCode::from_u16(status).unwrap();
            assert!(again(Policy::Read, Ok(status)), "{status}");
            assert!(!again(Policy::Once, Ok(status)), "{status}");
        }
    }
}
