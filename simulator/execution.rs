//! The answer to a command: what Smartcar recorded of its execution.
//! <https://smartcar.com/docs/api-reference/commands/overview>

use crate::{clock::Millis, signal::put};
use serde_json::{Value, json};
use uuid::Uuid;

/// A command that has been carried out.
pub(crate) struct Execution {
    pub(crate) command_type: &'static str,
    pub(crate) parameters: Option<Value>,
    pub(crate) executed_at: Millis,
}

impl Execution {
    pub(crate) fn resource(self, completed_at: Millis) -> Value {
        let mut attributes = json!({
            "commandType": self.command_type,
            "status": { "value": "SUCCESS" },
            "executionMode": "sync",
        });
        if let Some(parameters) = self.parameters {
            put(&mut attributes, "parameters", parameters);
        }
        json!({
            "data": {
                "id": format!("exec_{}", Uuid::new_v4().simple()),
                "type": "command-execution",
                "attributes": attributes,
                "meta": {
                    "executedAt": self.executed_at.iso(),
                    "completedAt": completed_at.iso(),
                    "durationInSeconds": completed_at.minus(self.executed_at.0).0 / 1000,
                },
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn execution_without_parameters_has_no_such_member() {
        let lock = Execution {
            command_type: "security-lock",
            parameters: None,
            executed_at: Millis(1_000),
        };
        let answer = lock.resource(Millis(3_500));
        assert!(answer.pointer("/data/attributes/parameters").is_none());
        assert_eq!(
            answer.pointer("/data/meta/durationInSeconds"),
            Some(&json!(2))
        );
    }
}
