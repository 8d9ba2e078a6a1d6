//! The paths of the gateway: Smartcar's own, and what the gateway adds.

use edge::respond::{Code, Problem};
use http::{HeaderValue, Method, header};
use matchit::Router;
use smartcar::endpoints::{self, Api, Endpoint};
use std::{collections::BTreeMap, sync::OnceLock};

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Something of Smartcar's.
    Smartcar(&'static Endpoint),
    /// Something that Smartcar may have and this version does not know, at the whole path.
    Unlisted(&'static Endpoint),
    /// Something of this gateway's own, for holders of a key.
    Own(Own),
    /// Something of this gateway's own that takes no key.
    Open(Open),
}

/// What this gateway adds to Smartcar's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Own {
    /// Which signals there are.
    Catalogue,
    /// What is known of each vehicle.
    Vehicles,
    /// What became of a command.
    Action,
    /// Who had what done.
    Audit,
    /// Which events no sink has taken.
    DeadLetters,
    /// Send one of them again.
    ReplayDeadLetter,
    /// Send those of a while again.
    ReplayDeadLetters,
    /// Pass on what is due.
    Run,
    /// What the caller's key is for.
    Myself,
    /// How the application is doing.
    Status,
    /// What is wrong at Smartcar or here.
    Doctor,
}

/// What this gateway answers without asking for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// The way to Smartcar Connect.
    ConnectStart,
    /// The way to Smartcar Connect for an owner who has to authenticate again.
    ConnectReauthenticate,
    /// The way back from Smartcar Connect.
    ConnectCallback,
    /// The description of this API.
    OpenApi,
    /// Pass on what is due, for a scheduler that can send no key.
    Cron,
    /// Whether this component answers.
    Health,
}

/// The methods and paths of what is this gateway's own.
pub const OWN: [(Method, &str, Route); 17] = [
    (Method::GET, "/v3/signals", Route::Own(Own::Catalogue)),
    (Method::GET, "/v3/self", Route::Own(Own::Myself)),
    (Method::GET, "/v3/vehicles", Route::Own(Own::Vehicles)),
    (
        Method::GET,
        "/v3/commands/{actionId}",
        Route::Own(Own::Action),
    ),
    (Method::GET, "/v3/audit", Route::Own(Own::Audit)),
    (
        Method::GET,
        "/v3/dead-letters",
        Route::Own(Own::DeadLetters),
    ),
    (
        Method::POST,
        "/v3/dead-letters/{deadLetterId}/replay",
        Route::Own(Own::ReplayDeadLetter),
    ),
    (
        Method::POST,
        "/v3/dead-letters/replay",
        Route::Own(Own::ReplayDeadLetters),
    ),
    (Method::POST, "/run", Route::Own(Own::Run)),
    (
        Method::GET,
        "/connect/start",
        Route::Open(Open::ConnectStart),
    ),
    (
        Method::GET,
        "/connect/reauthenticate",
        Route::Open(Open::ConnectReauthenticate),
    ),
    (
        Method::GET,
        "/connect/callback",
        Route::Open(Open::ConnectCallback),
    ),
    (Method::GET, "/openapi.json", Route::Open(Open::OpenApi)),
    (Method::GET, "/status", Route::Own(Own::Status)),
    (Method::GET, "/v3/doctor", Route::Own(Own::Doctor)),
    (Method::GET, "/cron", Route::Open(Open::Cron)),
    (Method::GET, "/healthz", Route::Open(Open::Health)),
];

/// Smartcar's endpoints that stand under this gateway's base URL: all but the
/// one that gives out the token.
pub fn smartcar_endpoints() -> impl Iterator<Item = &'static Endpoint> {
    endpoints::ALL
        .iter()
        .copied()
        .filter(|endpoint| endpoint.api() != Api::Iam)
}

/// The variable parts of a path, by their names and in their order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct PathParts(Vec<(String, String)>);

impl PathParts {
    /// The part of that name; empty where the path has none.
    pub fn get(&self, name: &str) -> &str {
        let part = self.0.iter().find(|(known, _)| known == name);
        part.map_or("", |(_, value)| value)
    }

    /// Every part.
    pub fn values(&self) -> Vec<&str> {
        self.0.iter().map(|(_, value)| value.as_str()).collect()
    }
}

/// What each method does at a path.
type Methods = Vec<(Method, Route)>;

fn router() -> &'static Router<Methods> {
    static ROUTER: OnceLock<Router<Methods>> = OnceLock::new();
    ROUTER.get_or_init(|| {
        let mut paths: BTreeMap<&str, Methods> = BTreeMap::new();
        for (method, path, route) in OWN {
            let methods = paths.entry(path).or_default();
            methods.push((method, route));
        }
        for endpoint in smartcar_endpoints() {
            let methods = paths.entry(endpoint.path).or_default();
            methods.push((endpoint.method.clone(), Route::Smartcar(endpoint)));
        }
        let mut router = Router::new();
        for (path, methods) in paths {
            // Fails on paths that exclude each other; the test below finds them.
            let inserted = router.insert(path, methods);
            debug_assert!(inserted.is_ok(), "{inserted:?}");
        }
        router
    })
}

/// The route of a method and a path.
pub fn find(method: &Method, path: &str) -> Result<(Route, PathParts), Problem> {
    // Smartcar's npm package asks for a vehicle at `/v3/vehicles/{vehicleId}/`.
    let path = match path.strip_suffix('/') {
        Some(shorter) if path.starts_with("/v3/") => shorter,
        _ => path,
    };
    let Ok(found) = router().at(path) else {
        return unlisted(method, path).ok_or_else(nothing_there);
    };
    // Whoever may GET may look without taking (RFC 9110, 9.3.2).
    let asked = match *method {
        Method::HEAD => &Method::GET,
        _ => method,
    };
    let route = found.value.iter().find(|(known, route)| {
        known == asked && (*method != Method::HEAD || may_be_looked_at(*route))
    });
    let (_, route) = route.ok_or_else(|| not_allowed(found.value))?;
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    Ok((*route, PathParts(found.params.iter().map(owned).collect())))
}

/// The route of a path that is not known, and not another spelling of one that is.
fn unlisted(method: &Method, path: &str) -> Option<(Route, PathParts)> {
    let is_known = router().at(&path.to_ascii_lowercase()).is_ok();
    let endpoint = endpoints::unlisted(method, path).filter(|_| !is_known)?;
    let parts = PathParts(vec![(PATH.to_owned(), path.to_owned())]);
    Some((Route::Unlisted(endpoint), parts))
}

/// The name of the part that is the whole path, where that is not known.
pub const PATH: &str = "path";

/// The answer at a path that leads nowhere.
pub fn nothing_there() -> Problem {
    let detail = "there is nothing at this path; /openapi.json describes what there is";
    Problem::new(Code::PathNotFound, detail)
}

/// Whether a GET can be answered to HEAD, without a body. Some do something: of the steps of
/// Connect one takes vehicles in, the others give the browser a cookie that takes the place
/// of the one it holds; a scheduler's request has events passed on; the doctor asks Smartcar.
fn may_be_looked_at(route: Route) -> bool {
    let doing = [
        Route::Open(Open::ConnectStart),
        Route::Open(Open::ConnectReauthenticate),
        Route::Open(Open::ConnectCallback),
        Route::Open(Open::Cron),
        Route::Own(Own::Doctor),
    ];
    !doing.contains(&route)
}

fn not_allowed(methods: &Methods) -> Problem {
    let mut allowed: Vec<&str> = methods.iter().map(|(method, _)| method.as_str()).collect();
    let is_get =
        |(method, route): &(Method, Route)| *method == Method::GET && may_be_looked_at(*route);
    if methods.iter().any(is_get) {
        allowed.push("HEAD");
    }
    let allowed = allowed.join(", ");
    let detail = format!("this path takes {allowed}");
    let problem = Problem::new(Code::MethodNotAllowed, detail);
    match HeaderValue::try_from(allowed) {
        Ok(allowed) => problem.with(header::ALLOW, allowed),
        Err(_) => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::StatusCode;

    /// A path with something in the place of each name.
    fn filled(path: &str) -> String {
        let mut filled = String::new();
        for part in path.split_inclusive('/') {
            let name = part.trim_end_matches('/');
            filled += &match name.strip_prefix('{') {
                Some(name) => part.replace(&format!("{{{name}"), "x-1"),
                None => part.to_owned(),
            };
        }
        filled
    }

    #[test]
    fn route_is_found_under_its_method_only() {
        let own = OWN
            .iter()
            .map(|(method, path, route)| (method.clone(), *path, *route));
        let smartcar = smartcar_endpoints().map(|endpoint| {
            let route = Route::Smartcar(endpoint);
            (endpoint.method.clone(), endpoint.path, route)
        });
        for (method, path, route) in own.chain(smartcar) {
            let (found, parts) = find(&method, &filled(path)).unwrap();
            assert_eq!(found, route, "{method} {path}");
            assert_eq!(parts.values().len(), path.matches('{').count());
            assert!(parts.values().iter().all(|value| *value == "x-1"));
            let refused = find(&Method::PUT, &filled(path)).unwrap_err();
            assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED);
        }
    }

    #[test]
    fn allowed_methods_of_a_path_are_named() {
        let refused = find(&Method::PUT, "/v3/connections/c-1").unwrap_err();
        assert_eq!(refused.detail, "this path takes GET, DELETE, HEAD");
        let refused = find(&Method::GET, "/v3/users/u-1").unwrap_err();
        assert_eq!(refused.detail, "this path takes DELETE");
    }

    #[test]
    fn head_is_not_taken_where_get_does_something() {
        for path in ["/connect/start", "/connect/callback", "/v3/doctor"] {
            let refused = find(&Method::HEAD, path).unwrap_err();
            assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED);
            assert_eq!(refused.detail, "this path takes GET");
        }
        assert!(find(&Method::HEAD, "/v3/vehicles").is_ok());
    }

    #[test]
    fn parts_are_known_by_their_names() {
        let (_, parts) = find(&Method::GET, "/v3/vehicles/v-1/signals/odometer-x").unwrap();
        assert_eq!(parts.get("vehicleId"), "v-1");
        assert_eq!(parts.get("signalCode"), "odometer-x");
        assert_eq!(parts.get("userId"), "");
        assert_eq!(parts.values(), ["v-1", "odometer-x"]);
    }

    #[test]
    fn under_v3_a_slash_at_the_end_changes_nothing() {
        let (with, parts) = find(&Method::GET, "/v3/vehicles/v-1/").unwrap();
        assert_eq!(find(&Method::GET, "/v3/vehicles/v-1").unwrap().0, with);
        assert_eq!(parts.values(), ["v-1"]);
        assert!(find(&Method::GET, "/v3/vehicles/v-1//").is_err());
    }

    #[test]
    fn path_below_v3_that_is_not_known_is_one_part() {
        for path in ["/v3/vehicles/v/commands/x/y", "/v3/vehicles/v/w/signals"] {
            let (route, parts) = find(&Method::GET, path).unwrap();
            assert!(matches!(route, Route::Unlisted(_)), "{path}");
            assert_eq!(parts.get(PATH), path);
        }
        assert!(find(&Method::HEAD, "/v3/vehicles/v/w/signals").is_err());
        // What is known is not handed on under another method.
        let refused = find(&Method::PUT, "/v3/signals").unwrap_err();
        assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED);
    }

    #[test]
    fn other_paths_lead_nowhere() {
        for path in [
            "/",
            "",
            "/v3",
            "/v3/",
            "/oauth2/token",
            "/v2.0/vehicles/v/lock",
            "/healthz/",
            "/v3/vehicles//signals",
            "//healthz",
            "/v3/vehicles/v/Commands/security/lock",
            "/v3/vehicles/v/commands/security/%6cock",
        ] {
            let refused = find(&Method::GET, path).unwrap_err();
            assert_eq!(
                (refused.status, refused.code),
                (StatusCode::NOT_FOUND, Code::PathNotFound),
                "{path}"
            );
        }
    }
}
