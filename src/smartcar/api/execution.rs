//! What Smartcar recorded of a command.

use crate::{Timestamp, open_set::open_set};
use bytes::Bytes;
use serde_json::value::RawValue;

open_set! {
    /// How a command ended.
    ExecutionStatus {
        /// The command was carried out.
        Success = "SUCCESS",
        /// The command was not carried out.
        Failure = "FAILURE",
        /// The outcome is not known yet.
        Pending = "PENDING",
    }
}

/// A `command-execution`: what Smartcar recorded of a command.
///
/// Source: <https://smartcar.com/docs/api-reference/commands/overview>
#[derive(Clone)]
pub struct CommandExecution {
    /// `exec_…`
    pub id: Option<String>,
    /// For example `charge-set-limit`.
    pub command_type: Option<String>,
    /// How it ended.
    pub status: ExecutionStatus,
    /// `sync` is documented.
    pub execution_mode: Option<String>,
    /// The command's parameters, JSON.
    pub parameters: Option<Box<RawValue>>,
    /// When it began.
    pub executed_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// `SC-Request-Id`: Smartcar's id of the request.
    pub request_id: Option<String>,
    /// The body of Smartcar's answer, as received.
    pub body: Bytes,
}

/// Parameters can say where someone is going.
impl std::fmt::Debug for CommandExecution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CommandExecution")
            .field("id", &self.id)
            .field("command_type", &self.command_type)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
