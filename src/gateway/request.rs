//! A request, as far as the work on it needs it.

use bytes::Bytes;
use edge::respond::{Code, Problem};
use http::{HeaderMap, header::AUTHORIZATION};
use routes::PathParts;
use smartcar::{
    Call, UnitSystem, UserId, VehicleId,
    endpoints::{Endpoint, Family, OnBehalf},
};

/// A request of a caller who is known.
pub(crate) struct Inbound {
    pub(crate) headers: HeaderMap,
    /// As it stands in the URL.
    pub(crate) query: String,
    pub(crate) parts: PathParts,
    pub(crate) body: Bytes,
}

impl Inbound {
    /// The vehicle in the path.
    pub(crate) fn vehicle(&self) -> Result<VehicleId, Problem> {
        let id = VehicleId::from_caller(self.parts.get("vehicleId"));
        id.map_err(|error| invalid(error.to_string()))
    }

    /// Refuses a second spelling of an id in the path: it would have limits and a lock
    /// of its own.
    pub(crate) fn require_spelling(&self) -> Result<(), Problem> {
        for id in ["vehicleId", "userId"].map(|name| self.parts.get(name)) {
            if id.bytes().any(|b| b.is_ascii_uppercase()) {
                VehicleId::from_caller(id).map_err(|error| invalid(error.to_string()))?;
            }
        }
        Ok(())
    }

    /// The header `sc-user-id`.
    pub(crate) fn user(&self) -> Result<Option<UserId>, Problem> {
        let id = single(&self.headers, "sc-user-id")?;
        id.map(UserId::from_caller)
            .transpose()
            .map_err(|error| invalid(error.to_string()))
    }

    /// The header `sc-unit-system`.
    pub(crate) fn units(&self) -> Result<Option<UnitSystem>, Problem> {
        match single(&self.headers, "sc-unit-system")? {
            None => Ok(None),
            Some(units) if units.eq_ignore_ascii_case("metric") => Ok(Some(UnitSystem::Metric)),
            Some(units) if units.eq_ignore_ascii_case("imperial") => Ok(Some(UnitSystem::Imperial)),
            Some(_) => Err(invalid("sc-unit-system is metric or imperial")),
        }
    }

    /// The call to Smartcar that the request asks for.
    pub(crate) fn call(
        &self,
        endpoint: &'static Endpoint,
        user: Option<UserId>,
    ) -> Result<Call, Problem> {
        let mut call = match endpoint.family {
            Family::Unlisted(_) => Call::unlisted(endpoint, self.parts.get(routes::PATH)),
            _ => Call::at(endpoint, &self.parts.values())
                .map_err(|error| invalid(error.to_string()))?,
        };
        if !self.query.is_empty() {
            call = call.raw_query(&self.query);
        }
        if let Some(user) = user.filter(|_| endpoint.on_behalf() != OnBehalf::None) {
            call = call.on_behalf_of(user);
        }
        if let Some(units) = self.units()? {
            call = call.units(units);
        }
        Ok(call.body(self.body.clone()))
    }

    /// The query parameter `name`, decoded. Of two, one reader could take the
    /// first and another the second.
    pub(crate) fn parameter(&self, name: &str) -> Result<Option<String>, Problem> {
        parameter(&self.query, name)
    }
}

/// The parameter `name` of a query, decoded.
pub(crate) fn parameter(query: &str, name: &str) -> Result<Option<String>, Problem> {
    let mut values = form_urlencoded::parse(query.as_bytes())
        .filter(|(known, _)| known == name)
        .map(|(_, value)| value.into_owned());
    let value = values.next();
    if values.next().is_some() {
        return Err(invalid(format!(
            "the parameter {name} appears more than once"
        )));
    }
    Ok(value)
}

/// The value of a header; empty where it is no text. Of two, one reader could
/// take the first and another the second.
pub(crate) fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let value = values.next();
    if values.next().is_some() {
        return Err(invalid(format!("the header {name} appears more than once")));
    }
    Ok(value.map(|value| value.to_str().unwrap_or_default()))
}

/// The request is not what the documentation of its path says.
pub(crate) fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidInput, detail)
}

/// What follows `Bearer` in the header `Authorization`.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let bearer = single(headers, AUTHORIZATION.as_str())?.and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
    });
    Ok(bearer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameter_is_decoded_and_appears_once() {
        let query = "filter%5BuserId%5D=u%2D1&page[size]=5&a=1&a=2";
        let of = |name| parameter(query, name);
        assert_eq!(of("filter[userId]"), Ok(Some("u-1".to_owned())));
        assert_eq!(of("page[size]"), Ok(Some("5".to_owned())));
        assert_eq!(of("b"), Ok(None));
        assert_eq!(of("a").unwrap_err().status, 400);
    }
}
