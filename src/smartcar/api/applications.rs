//! The applications of the account.
//!
//! Smartcar lists these calls in the description of its management API and
//! documents no shape of their answers, so they are passed on as they are.
//!
//! Source: <https://smartcar.com/docs/api-reference/vehicles-api-intro>

use crate::{
    ApiResponse, ApplicationId, Call, Client, Error, Platform, RawJson, api::answer::unreadable,
    endpoints,
};
use serde_json::value::RawValue;

/// # Applications
impl<P: Platform> Client<P> {
    /// The applications of the account.
    ///
    /// # Errors
    ///
    /// [`Error::Api`] and whatever [`Client::call`] fails with;
    /// [`Error::Unreadable`] for an answer that is no JSON.
    ///
    /// ```no_run
    /// use smartcar::{Client, Error, Platform};
    ///
    /// async fn print<P: Platform>(client: &Client<P>) -> Result<(), Error> {
    ///     println!("{}", client.list_applications().await?.value.as_str());
    ///     Ok(())
    /// }
    /// ```
    pub async fn list_applications(&self) -> Result<ApiResponse<RawJson>, Error> {
        self.json(&Call::to(&endpoints::LIST_APPLICATIONS, &[]))
            .await
    }

    /// One application.
    ///
    /// # Errors
    ///
    /// As [`Client::list_applications`].
    pub async fn get_application(
        &self,
        application: &ApplicationId,
    ) -> Result<ApiResponse<RawJson>, Error> {
        self.json(&Call::to(&endpoints::GET_APPLICATION, &[application]))
            .await
    }

    /// The secrets of an application. Whoever has them can read and command every
    /// connected vehicle: log nothing of the answer, and do not forward it.
    ///
    /// # Errors
    ///
    /// As [`Client::list_applications`].
    pub async fn list_application_secrets(
        &self,
        application: &ApplicationId,
    ) -> Result<ApiResponse<RawJson>, Error> {
        let endpoint = &endpoints::LIST_APPLICATION_SECRETS;
        self.json(&Call::to(endpoint, &[application])).await
    }

    async fn json(&self, call: &Call) -> Result<ApiResponse<RawJson>, Error> {
        let response = self.succeed(call).await?;
        let json: Option<&RawValue> = serde_json::from_slice(&response.body).ok();
        match json.map(RawJson::from) {
            Some(value) => Ok(ApiResponse { value, response }),
            None => Err(unreadable(&response, "the body is no JSON".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fake, client};

    #[test]
    fn answer_is_passed_on_to_the_byte_and_not_logged() {
        let fake = Fake::new();
        let body = r#"{ "data":[{"id":"a-1","secret":"hush","weight":1.50}] }"#;
        for path in ["", "/a-1", "/a-1/secrets"] {
            fake.answer(&format!("/v3/applications{path}"), 200, body);
        }
        let client = client(&fake);
        let id = ApplicationId::parse("a-1").unwrap();
        for answer in [
            fake.run(client.list_applications()),
            fake.run(client.get_application(&id)),
            fake.run(client.list_application_secrets(&id)),
        ] {
            let answer = answer.unwrap();
            assert_eq!(answer.value.as_str(), body);
            assert!(!format!("{answer:?}").contains("hush"));
        }
        let requests = fake.requests();
        let paths: Vec<_> = requests[1..].iter().map(|r| r.uri().to_string()).collect();
        let origin = "https://management.example.com/v3/applications";
        let expected = ["", "/a-1", "/a-1/secrets"].map(|path| format!("{origin}{path}"));
        assert_eq!(paths, expected);
    }

    #[test]
    fn error_and_an_answer_without_json_are_errors() {
        let fake = Fake::new();
        fake.answer(
            "/v3/applications",
            403,
            r#"{"errors":[{"type":"PERMISSION"}]}"#,
        );
        fake.answer("/v3/applications", 200, "hush");
        let client = client(&fake);
        let refused = fake.run(client.list_applications());
        assert!(matches!(refused, Err(Error::Api(error)) if error.status == 403));
        let odd = fake.run(client.list_applications()).unwrap_err();
        assert!(matches!(odd, Error::Unreadable { .. }) && !odd.to_string().contains("hush"));
    }
}
