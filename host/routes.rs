//! Which component serves a path: exact routes before wildcards, a longer match
//! before a shorter one, as in Spin. Of Spin's routes these have no named segments.

use anyhow::{Result, ensure};

pub(crate) struct Router(Vec<Route>);

pub(crate) struct Route {
    /// As the manifest has it.
    pub(crate) raw: String,
    /// With a leading and without a trailing slash.
    pub(crate) based: String,
    pub(crate) component: String,
    segments: Vec<String>,
    /// Whether it ends in `/...`.
    is_wildcard: bool,
}

/// A route that matched, and what its wildcard stood for.
pub(crate) struct Match<'a> {
    pub(crate) raw_route: &'a str,
    pub(crate) based_route: &'a str,
    pub(crate) component: &'a str,
    pub(crate) path_info: String,
}

impl<'a> Match<'a> {
    /// What a component sees when another component calls it: the route `/...`.
    pub(crate) fn chained(component: &'a str, path: &str) -> Self {
        Self {
            raw_route: "/...",
            based_route: "/...",
            component,
            path_info: path.to_owned(),
        }
    }
}

impl Router {
    pub(crate) fn new(routes: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        let mut all: Vec<Route> = Vec::new();
        for (raw, component) in routes {
            let route = Route::parse(raw, component)?;
            ensure!(
                all.iter().all(|other| other.based != route.based),
                "the route {:?} is given twice",
                route.raw
            );
            all.push(route);
        }
        Ok(Self(all))
    }

    pub(crate) fn routes(&self) -> &[Route] {
        &self.0
    }

    pub(crate) fn route(&self, path: &str) -> Option<Match<'_>> {
        self.0
            .iter()
            .filter_map(|route| Some((route, route.matches(path)?)))
            .max_by_key(|(route, _)| (route.segments.len(), !route.is_wildcard))
            .map(|(_, matched)| matched)
    }
}

impl Route {
    fn parse(raw: String, component: String) -> Result<Self> {
        let absolute = if raw.starts_with('/') {
            raw.clone()
        } else {
            format!("/{raw}")
        };
        let based = absolute.strip_suffix('/').unwrap_or(&absolute).to_owned();
        let prefix = based.strip_suffix("/...");
        let segments: Vec<String> = segments(prefix.unwrap_or(&based))
            .map(str::to_owned)
            .collect();
        let is_literal = |s: &String| s != "..." && !s.contains('*') && !s.starts_with(':');
        ensure!(
            segments.iter().all(is_literal),
            "the route {raw:?} is not supported by this host; its wildcard must be /... at the \
             end, and its segments must have no name"
        );
        Ok(Self {
            is_wildcard: prefix.is_some(),
            raw,
            based,
            component,
            segments,
        })
    }

    fn matches(&self, path: &str) -> Option<Match<'_>> {
        let mut rest = segments(path);
        for segment in &self.segments {
            if rest.next()? != segment {
                return None;
            }
        }
        let rest: Vec<&str> = rest.collect();
        if !self.is_wildcard && !rest.is_empty() {
            return None;
        }
        let path_info = match (self.is_wildcard, rest.is_empty(), path.ends_with('/')) {
            (false, _, _) | (true, true, false) => String::new(),
            (true, true, true) => "/".to_owned(),
            (true, false, false) => format!("/{}", rest.join("/")),
            (true, false, true) => format!("/{}/", rest.join("/")),
        };
        Some(Match {
            raw_route: &self.raw,
            based_route: &self.based,
            component: &self.component,
            path_info,
        })
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    let trimmed = path.trim_matches('/');
    // Splitting nothing gives one empty segment, which no route has.
    trimmed.split('/').filter(move |_| !trimmed.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(routes: &[&str]) -> Router {
        Router::new(routes.iter().map(|r| ((*r).to_owned(), (*r).to_owned()))).unwrap()
    }

    fn winner(routes: &[&str], path: &str) -> Option<String> {
        router(routes).route(path).map(|m| m.component.to_owned())
    }

    #[test]
    fn route_that_is_exact_beats_a_wildcard_and_longer_beats_shorter() {
        let routes = ["/...", "/a/...", "/a/b/...", "/a", "/a/b/c"];
        for (path, expected) in [
            ("/", "/..."),
            ("/x", "/..."),
            ("/a", "/a"),
            ("/a/", "/a"),
            ("/a/x", "/a/..."),
            ("/a/b", "/a/b/..."),
            ("/a/b/c", "/a/b/c"),
            ("/a/b/c/d", "/a/b/..."),
        ] {
            assert_eq!(winner(&routes, path).as_deref(), Some(expected), "{path}");
        }
    }

    #[test]
    fn route_wins_wherever_the_manifest_has_it() {
        assert_eq!(winner(&["/a", "/..."], "/a").as_deref(), Some("/a"));
        assert_eq!(winner(&["/...", "/a"], "/a").as_deref(), Some("/a"));
    }

    #[test]
    fn wildcard_ends_at_a_segment() {
        assert_eq!(winner(&["/a/..."], "/ab"), None);
        assert_eq!(winner(&["/a/..."], "/a").as_deref(), Some("/a/..."));
        assert_eq!(winner(&["/a"], "/a/b"), None);
        assert_eq!(winner(&["/"], "/").as_deref(), Some("/"));
        assert_eq!(winner(&["/"], "/a"), None);
    }

    #[test]
    fn path_info_keeps_a_trailing_slash() {
        let router = router(&["/base/..."]);
        for (path, expected) in [
            ("/base", ""),
            ("/base/", "/"),
            ("/base/hello", "/hello"),
            ("/base/hello/", "/hello/"),
        ] {
            assert_eq!(router.route(path).unwrap().path_info, expected, "{path}");
        }
    }

    #[test]
    fn route_given_twice_is_an_error() {
        let twice = ["/a", "/a/"].map(|r| (r.to_owned(), r.to_owned()));
        assert!(Router::new(twice).is_err());
    }

    #[test]
    fn route_that_is_not_supported_is_named() {
        for bad in ["/a/.../b", "/a/*/b", "/a*", "/a/*", "/v/:id", "/v/:id/..."] {
            let route = Router::new([(bad.to_owned(), "c".to_owned())]);
            let error = route.err().unwrap().to_string();
            assert!(
                error.contains(&format!("{bad:?} is not supported")),
                "{error}"
            );
        }
    }
}
