//! Endpoints that Smartcar has and this crate does not know: what is asked for there is
//! handed on as it comes.

use super::{ALL, About, Api, Endpoint, Family};
use http::Method;

/// A path below `/v3`, as a caller names it.
const PATH: &str = "/v3/{path}";

/// No path of Smartcar's is nearly as long.
const LONGEST: usize = 512;

/// One for each host that takes the access token and each method.
static UNLISTED: [Endpoint; 10] = [
    read(Api::Vehicle),
    read(Api::Management),
    write(Api::Vehicle, Method::POST),
    write(Api::Management, Method::POST),
    write(Api::Vehicle, Method::PUT),
    write(Api::Management, Method::PUT),
    write(Api::Vehicle, Method::PATCH),
    write(Api::Management, Method::PATCH),
    write(Api::Vehicle, Method::DELETE),
    write(Api::Management, Method::DELETE),
];

const fn read(api: Api) -> Endpoint {
    let summary = "Reads what this version does not know.";
    endpoint(api, Method::GET, "raw-read", "raw_read", summary)
}

const fn write(api: Api, method: Method) -> Endpoint {
    let summary = "Changes what this version does not know.";
    endpoint(api, method, "raw-write", "raw_write", summary)
}

const fn endpoint(
    api: Api,
    method: Method,
    name: &'static str,
    scope: &'static str,
    summary: &'static str,
) -> Endpoint {
    Endpoint {
        name,
        summary,
        family: Family::Unlisted(api),
        method,
        path: PATH,
        about: About::Account,
        scope,
        query: &[],
        docs: "https://smartcar.com/docs/api-reference/vehicles-api-intro",
    }
}

/// The endpoint for a method and a path below `/v3`; none for a path that could be another
/// spelling of something else: it has words and ids alone, with single slashes between them.
///
/// The host is that of the known paths that begin with the same word, else the vehicle
/// API's.
pub fn unlisted(method: &Method, path: &str) -> Option<&'static Endpoint> {
    let below = path.strip_prefix("/v3/")?;
    let is_plain = |part: &str| {
        !part.is_empty()
            && part.bytes().any(|b| b != b'.')
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
    };
    if path.len() > LONGEST || !below.split('/').all(is_plain) {
        return None;
    }
    let first = |path: &str| path.split('/').nth(2).map(str::to_ascii_lowercase);
    let like = ALL.iter().find(|known| first(known.path) == first(path));
    let api = like.map_or(Api::Vehicle, |known| known.api());
    let is_it = |endpoint: &&Endpoint| endpoint.method == *method && endpoint.api() == api;
    UNLISTED.iter().find(is_it)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoint_that_is_not_listed_has_the_host_of_its_neighbours() {
        for (method, path, api, scope) in [
            (
                Method::GET,
                "/v3/command-executions/exec_1",
                Api::Vehicle,
                "raw_read",
            ),
            (
                Method::POST,
                "/v3/vehicles/v-1/commands/climate/start",
                Api::Vehicle,
                "raw_write",
            ),
            (
                Method::POST,
                "/v3/webhooks/w/rotate",
                Api::Management,
                "raw_write",
            ),
            (
                Method::PATCH,
                "/v3/applications/a/x",
                Api::Management,
                "raw_write",
            ),
        ] {
            let endpoint = unlisted(&method, path).unwrap();
            assert_eq!((endpoint.api(), endpoint.scope), (api, scope), "{path}");
            assert_eq!(endpoint.method, method);
            assert_eq!(endpoint.is_idempotent(), method == Method::GET);
        }
        // That host takes no token.
        assert!(unlisted(&Method::GET, "/v3/compatible-vehicles/x").is_none());
        assert!(unlisted(&Method::TRACE, "/v3/x").is_none());
    }

    #[test]
    fn path_with_a_second_spelling_is_none() {
        for path in [
            "/v2/x",
            "/v3",
            "/v3/",
            "/v3//x",
            "/v3/x/",
            "/v3/x//y",
            "/v3/./x",
            "/v3/../oauth2/token",
            "/v3/vehicles/v-1/commands/security/%75nlock",
            "/v3/x;y",
            "/v3/x\\y",
            "/v3/x?y",
            "/v3/ä",
        ] {
            assert!(unlisted(&Method::GET, path).is_none(), "{path}");
        }
        let long = format!("/v3/{}", "a".repeat(LONGEST));
        assert!(unlisted(&Method::GET, &long).is_none());
    }
}
