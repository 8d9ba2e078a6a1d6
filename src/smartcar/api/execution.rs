//! What Smartcar recorded of a command.

use crate::Timestamp;
use bytes::Bytes;
use serde_json::value::RawValue;

/// How a command ended. An open set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecutionStatus {
    /// The command was carried out.
    Success,
    /// The command was not carried out.
    Failure,
    /// The outcome is not known yet.
    Pending,
    /// A status that is new.
    Other(String),
}

impl ExecutionStatus {
    /// As Smartcar writes it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
            Self::Pending => "PENDING",
            Self::Other(other) => other,
        }
    }
}

impl From<&str> for ExecutionStatus {
    fn from(status: &str) -> Self {
        match status {
            "SUCCESS" => Self::Success,
            "FAILURE" => Self::Failure,
            "PENDING" => Self::Pending,
            other => Self::Other(other.to_owned()),
        }
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
