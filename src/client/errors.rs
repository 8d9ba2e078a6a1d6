//! Why a call did not succeed, as the contract tells it.

use crate::wit::types::{ApiError, Error, Execution, Limit, UnreadableAnswer};
use smartcar::{CommandExecution, InvalidId, LimitScope, Sent};
use std::time::Duration;

impl From<InvalidId> for Error {
    fn from(error: InvalidId) -> Self {
        Self::InvalidInput(error.to_string())
    }
}

impl From<smartcar::Error> for Error {
    fn from(error: smartcar::Error) -> Self {
        match error {
            smartcar::Error::Token(error) => Self::NoToken(error.to_string()),
            smartcar::Error::Transport(error) => match error.sent {
                Sent::No => Self::Unreachable(error.detail),
                Sent::Maybe => Self::OutcomeUnknown(error.detail),
            },
            smartcar::Error::Limited(limit) => Self::Limited(Limit {
                retry_after: u32::try_from(limit.retry_after()).unwrap_or(u32::MAX),
                vehicle: match limit.scope {
                    LimitScope::Application | LimitScope::Api(_) => None,
                    LimitScope::Vehicle(vehicle) => Some(vehicle.to_string()),
                },
            }),
            smartcar::Error::Api(error) => Self::Api(api(*error)),
            smartcar::Error::CommandFailed(execution) => {
                Self::CommandFailed(self::execution(*execution))
            }
            smartcar::Error::Unreadable { status, detail } => {
                Self::Unreadable(UnreadableAnswer { status, detail })
            }
        }
    }
}

fn api(error: smartcar::ApiError) -> ApiError {
    ApiError {
        status: error.status,
        type_: error.kind,
        code: error.code,
        detail: error.detail,
        resolution: error.resolution.map(|resolution| resolution.0),
        request_id: error.request_id,
        retry_after: error.retry_after.map(seconds),
    }
}

/// Rounded up, so that no caller comes back too early.
fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}

/// What Smartcar recorded of a command.
pub(crate) fn execution(execution: CommandExecution) -> Execution {
    Execution {
        id: execution.id,
        status: execution.status.as_str().to_owned(),
        raw: String::from_utf8_lossy(&execution.body).into_owned(),
    }
}
