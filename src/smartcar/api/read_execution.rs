//! Reading the answer to a command.

use crate::{
    CommandExecution, Error, ExecutionStatus, Response, error::ApiError, fields::Fields, readable,
};

impl CommandExecution {
    /// Reads the answer to a command.
    ///
    /// The body decides, not the HTTP status: Smartcar may answer 202, keep the
    /// connection open, and tell of a failure in the end.
    pub fn read(response: &Response) -> Result<Self, Error> {
        if let Some(error) = ApiError::of(response) {
            return Err(Error::Api(Box::new(error)));
        }
        let unreadable = |detail: &str| Error::Unreadable {
            status: response.status.as_u16(),
            detail: detail.to_owned(),
        };
        let text = readable(&response.body);
        let top = Fields::read(&text).ok_or_else(|| unreadable("the body is no JSON object"))?;
        if let Some(error) = ApiError::within(response) {
            return Err(Error::Api(Box::new(error)));
        }
        let data = top.object("data");
        let attributes = data.object("attributes");
        let reported = attributes.object("status");
        let status = reported
            .text("value")
            .ok_or_else(|| unreadable("the body has no data.attributes.status.value"))?;
        let meta = data.object("meta");
        let owned = |text: Option<std::borrow::Cow<'_, str>>| text.map(|text| text.into_owned());
        let execution = Self {
            id: owned(data.text("id")),
            command_type: owned(attributes.text("commandType")),
            status: ExecutionStatus::from(&*status),
            execution_mode: owned(attributes.text("executionMode")),
            parameters: attributes.get("parameters").map(ToOwned::to_owned),
            executed_at: meta.time("executedAt"),
            completed_at: meta.time("completedAt"),
            request_id: response.request_id().map(str::to_owned),
            body: response.body.clone(),
        };
        match execution.status {
            ExecutionStatus::Failure => Err(Error::CommandFailed(Box::new(execution))),
            _ => Ok(execution),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    fn read(status: u16, body: &str) -> Result<CommandExecution, Error> {
        CommandExecution::read(&Response::for_tests(status, &[], body))
    }

    #[test]
    fn success_is_read_whole() {
        let execution = read(
            200,
            r#"{"data":{"id":"exec_1","type":"command-execution","attributes":{
                "commandType":"charge-set-limit","status":{"value":"SUCCESS"},"executionMode":"sync",
                "parameters":{"percent":80}},
                "meta":{"executedAt":"2026-06-29T23:55:53Z","completedAt":"2026-06-29T23:55:55Z"}}}"#,
        )
        .unwrap();
        assert_eq!(execution.id.as_deref(), Some("exec_1"));
        assert_eq!(execution.status, ExecutionStatus::Success);
        assert_eq!(execution.parameters.unwrap().get(), r#"{"percent":80}"#);
        assert_eq!(execution.completed_at, Some(Timestamp(1_782_777_355_000)));
    }

    #[test]
    fn outcome_of_a_202_is_decided_by_the_body() {
        let failed = read(
            202,
            r#"{"data":{"id":"exec_1","attributes":{"status":{"value":"FAILURE"}}}}"#,
        );
        assert!(matches!(failed, Err(Error::CommandFailed(_))), "{failed:?}");
        let refused = read(
            202,
            r#"{"errors":[{"status":"409","type":"VEHICLE_STATE","code":"ASLEEP"}]}"#,
        );
        let Err(Error::Api(error)) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(error.code.as_deref(), Some("ASLEEP"));
        // Whitespace that kept the connection open stands before the outcome.
        let late = read(
            202,
            "  \n\n {\"data\":{\"attributes\":{\"status\":{\"value\":\"SUCCESS\"}}}}",
        );
        assert_eq!(late.unwrap().status, ExecutionStatus::Success);
        let pending = read(
            202,
            r#"{"data":{"attributes":{"status":{"value":"TOMORROW"}}}}"#,
        );
        assert_eq!(pending.unwrap().status.as_str(), "TOMORROW");
    }

    #[test]
    fn answer_that_says_nothing_leaves_the_outcome_open() {
        for body in [
            "",
            "<html>",
            "[]",
            "{}",
            r#"{"data":{"attributes":{"status":"SUCCESS"}}}"#,
        ] {
            let error = read(200, body).unwrap_err();
            assert!(
                matches!(error, Error::Unreadable { status: 200, .. }),
                "{body}"
            );
            assert!(error.may_have_happened());
        }
    }
}
