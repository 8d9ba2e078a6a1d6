//! An answer of Smartcar's API, read.

use crate::{Call, Client, Error, InvalidId, Platform, Response, fields::Fields, readable};
use serde::Serialize;
use serde_json::value::RawValue;
use std::fmt;

/// What an answer says, next to the answer itself: its
/// [`request_id`](Response::request_id), [`data_age`](Response::data_age),
/// [`fetched_at`](Response::fetched_at) and [`retry_after`](Response::retry_after).
#[derive(Clone, Debug)]
pub struct ApiResponse<T> {
    /// What it says.
    pub value: T,
    /// As it was received.
    pub response: Response,
}

/// JSON as Smartcar wrote it, every byte of it. `Debug` tells nothing of it.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct RawJson(Box<RawValue>);

impl RawJson {
    /// The JSON as text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The JSON as a value, to be read or sent on.
    pub fn as_value(&self) -> &RawValue {
        &self.0
    }
}

impl From<&RawValue> for RawJson {
    fn from(json: &RawValue) -> Self {
        Self(json.to_owned())
    }
}

/// It can hold a secret, a VIN, or where a car stands.
impl fmt::Debug for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawJson(..)")
    }
}

/// Something that the API tells of, for example a connection.
///
/// A field of another shape than the documented one is missing; only an
/// identifier that is none makes the whole unreadable, because nothing can be
/// asked about it and nothing should be done by mistake.
pub(crate) trait Resource: Sized {
    /// Reads it from its JSON object.
    fn read(fields: &Fields<'_>, raw: RawJson) -> Result<Self, InvalidId>;
}

/// Reads `json`, or says what is wrong with it.
pub(crate) fn read<T: Resource>(json: &RawValue) -> Result<T, String> {
    let fields = Fields::read(json.get()).ok_or("it is no JSON object")?;
    T::read(&fields, json.into()).map_err(|error| error.to_string())
}

/// The identifier in the member `id`. It has to be there.
pub(crate) fn own_id<T>(
    fields: &Fields<'_>,
    parse: impl Fn(&str) -> Result<T, InvalidId>,
) -> Result<T, InvalidId> {
    parse(&fields.text("id").unwrap_or_default())
}

/// The identifier of what is related as `name`, which may be missing.
pub(crate) fn related_id<T>(
    fields: &Fields<'_>,
    name: &str,
    parse: impl Fn(&str) -> Result<T, InvalidId>,
) -> Result<Option<T>, InvalidId> {
    let related = fields.object("relationships").object(name).object("data");
    optional_id(&related, parse)
}

/// The identifier in the member `id`, which may be missing.
pub(crate) fn optional_id<T>(
    fields: &Fields<'_>,
    parse: impl Fn(&str) -> Result<T, InvalidId>,
) -> Result<Option<T>, InvalidId> {
    match fields.get("id") {
        Some(_) => own_id(fields, parse).map(Some),
        None => Ok(None),
    }
}

/// A text, where it is one.
pub(crate) fn text(fields: &Fields<'_>, name: &str) -> Option<String> {
    fields.text(name).map(String::from)
}

pub(crate) fn unreadable(response: &Response, detail: String) -> Error {
    Error::Unreadable {
        status: response.status.as_u16(),
        detail,
    }
}

impl<P: Platform> Client<P> {
    /// Makes a call that has to succeed.
    pub(crate) async fn succeed(&self, call: &Call) -> Result<Response, Error> {
        self.call(call).await?.into_result()
    }

    /// Makes a call whose answer tells of one thing: `{data: {…}}`.
    pub(crate) async fn one<T: Resource>(&self, call: &Call) -> Result<ApiResponse<T>, Error> {
        let response = self.succeed(call).await?;
        let body = readable(&response.body);
        let value = match Fields::read(&body).unwrap_or_default().get("data") {
            Some(data) => read(data),
            None => Err("it is missing".to_owned()),
        };
        match value {
            Ok(value) => Ok(ApiResponse { value, response }),
            Err(why) => Err(unreadable(&response, format!("data: {why}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_json_is_kept_to_the_byte_and_not_logged() {
        let json: Box<RawValue> = serde_json::from_str(r#"{ "secret":1.50 }"#).unwrap();
        let raw = RawJson::from(&*json);
        assert_eq!(serde_json::to_string(&raw).unwrap(), r#"{ "secret":1.50 }"#);
        assert_eq!(raw.as_value().get(), raw.as_str());
        assert_eq!(format!("{raw:?}"), "RawJson(..)");
    }
}
