//! Which path means what.

use edge::respond::Problem;
use http::{HeaderValue, Method, StatusCode, header};
use matchit::Router;
use smartcar::{CommandKind, endpoints};
use std::sync::OnceLock;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// Make a vehicle do something.
    Command(CommandKind),
    /// All signals of a vehicle.
    Signals,
    /// One signal of a vehicle.
    Signal,
    /// Which signals there are.
    Catalogue,
    /// How the application is doing.
    Status,
    /// Whether this component answers.
    Health,
}

impl Route {
    fn method(self) -> Method {
        match self {
            Self::Command(kind) => kind.endpoint().method.clone(),
            Self::Signals => endpoints::LIST_SIGNALS.method,
            Self::Signal => endpoints::GET_SIGNAL.method,
            Self::Catalogue | Self::Status | Self::Health => Method::GET,
        }
    }
}

/// The variable parts of a path, as they stand in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PathParts {
    pub(crate) vehicle: String,
    pub(crate) signal: Option<String>,
}

fn router() -> &'static Router<Route> {
    static ROUTER: OnceLock<Router<Route>> = OnceLock::new();
    ROUTER.get_or_init(|| {
        let mut router = Router::new();
        let fixed = [
            ("/healthz", Route::Health),
            ("/status", Route::Status),
            ("/v3/signals", Route::Catalogue),
            (endpoints::LIST_SIGNALS.path, Route::Signals),
            (endpoints::GET_SIGNAL.path, Route::Signal),
        ];
        let commands = CommandKind::ALL.map(|kind| (kind.endpoint().path, Route::Command(kind)));
        for (path, route) in fixed.into_iter().chain(commands) {
            // Fails on paths that exclude each other; the test below finds them.
            let inserted = router.insert(path, route);
            debug_assert!(inserted.is_ok(), "{inserted:?}");
        }
        router
    })
}

/// The route of a method and a path.
pub(crate) fn find(method: &Method, path: &str) -> Result<(Route, PathParts), Problem> {
    let found = router().at(path).map_err(|_| {
        let detail = "there is nothing at this path; the paths below /v3 are Smartcar's";
        Problem::new(StatusCode::NOT_FOUND, "PATH_NOT_FOUND", detail)
    })?;
    let route = *found.value;
    let wanted = route.method();
    // Whoever may GET may look without taking (RFC 9110, 9.3.2).
    let is_read = wanted == Method::GET;
    if *method != wanted && !(is_read && *method == Method::HEAD) {
        let detail = format!("this path takes {wanted}");
        let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", detail);
        let allow = if is_read { "GET, HEAD" } else { "POST" };
        return Err(problem.with(header::ALLOW, HeaderValue::from_static(allow)));
    }
    let part = |name| found.params.get(name).map(str::to_owned);
    let parts = PathParts {
        vehicle: part("vehicleId").unwrap_or_default(),
        signal: part("signalCode"),
    };
    Ok((route, parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_found_under_its_method_alone() {
        let mut paths = vec![
            ("/healthz".to_owned(), Route::Health),
            ("/status".to_owned(), Route::Status),
            ("/v3/signals".to_owned(), Route::Catalogue),
            ("/v3/vehicles/v-1/signals".to_owned(), Route::Signals),
            (
                "/v3/vehicles/v-1/signals/odometer-traveleddistance".to_owned(),
                Route::Signal,
            ),
        ];
        for kind in CommandKind::ALL {
            paths.push((
                kind.endpoint().path.replace("{vehicleId}", "v-1"),
                Route::Command(kind),
            ));
        }
        for (path, route) in paths {
            let (found, parts) = find(&route.method(), &path).unwrap();
            assert_eq!(found, route, "{path}");
            assert_eq!(
                parts.vehicle,
                if path.contains("/v-1/") { "v-1" } else { "" }
            );
            assert_eq!(parts.signal.is_some(), route == Route::Signal);
            let refused = find(&Method::DELETE, &path).unwrap_err();
            assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED);
        }
    }

    #[test]
    fn other_paths_lead_nowhere() {
        for path in [
            "/",
            "",
            "/v3",
            "/v3/",
            "/v2.0/vehicles/v/lock",
            "/healthz/",
            "/v3/vehicles//signals",
            "/v3/vehicles/v/commands/security/explode",
            "/v3/vehicles/v/w/signals",
            "//healthz",
        ] {
            let refused = find(&Method::GET, path).unwrap_err();
            assert_eq!(
                (refused.status, refused.code),
                (StatusCode::NOT_FOUND, "PATH_NOT_FOUND"),
                "{path}"
            );
        }
    }
}
