//! Which component serves a path: exact routes before wildcards, a longer
//! match before a shorter one, as in Spin.

use anyhow::{Result, ensure};

pub(crate) struct Router(Vec<Route>);

pub(crate) struct Route {
    /// As the manifest has it.
    pub(crate) raw: String,
    /// With a leading and without a trailing slash.
    pub(crate) based: String,
    pub(crate) component: String,
    segments: Vec<Segment>,
    wildcard: bool,
}

enum Segment {
    Literal(String),
    /// `:name`, which matches any one segment.
    Named(String),
}

/// A route that matched, and what its wildcards stood for.
pub(crate) struct Match<'a> {
    pub(crate) raw_route: &'a str,
    pub(crate) based_route: &'a str,
    pub(crate) component: &'a str,
    pub(crate) path_info: String,
    pub(crate) named: Vec<(&'a str, String)>,
}

impl<'a> Match<'a> {
    /// What a component sees when another one calls it: the route `/...`.
    pub(crate) fn chained(component: &'a str, path: &str) -> Self {
        Self {
            raw_route: "/...",
            based_route: "/...",
            component,
            path_info: path.to_owned(),
            named: Vec::new(),
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
            .max_by_key(|(route, _)| route.rank())
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
        let prefix = based
            .strip_suffix("/...")
            .or_else(|| based.strip_suffix("/*"));
        let segments = segments(prefix.unwrap_or(&based))
            .map(|segment| match segment.strip_prefix(':') {
                Some(name) => Segment::Named(name.to_owned()),
                None => Segment::Literal(segment.to_owned()),
            })
            .collect::<Vec<_>>();
        let misplaced = segments.iter().any(
            |segment| matches!(segment, Segment::Literal(text) if text.contains('*') || text == "..."),
        );
        ensure!(!misplaced, "the route {raw:?} has a wildcard inside");
        Ok(Self {
            wildcard: prefix.is_some(),
            raw,
            based,
            component,
            segments,
        })
    }

    fn matches(&self, path: &str) -> Option<Match<'_>> {
        let mut rest = segments(path);
        let mut named = Vec::new();
        for segment in &self.segments {
            let actual = rest.next()?;
            match segment {
                Segment::Literal(literal) if literal == actual => {}
                Segment::Literal(_) => return None,
                Segment::Named(name) => named.push((name.as_str(), actual.to_owned())),
            }
        }
        let rest: Vec<&str> = rest.collect();
        if !self.wildcard && !rest.is_empty() {
            return None;
        }
        let path_info = match (self.wildcard, rest.is_empty(), path.ends_with('/')) {
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
            named,
        })
    }

    /// Greater is more specific, compared segment by segment.
    fn rank(&self) -> Vec<u8> {
        let end = if self.wildcard { 0 } else { 1 };
        self.segments
            .iter()
            .map(|segment| match segment {
                Segment::Literal(_) => 3,
                Segment::Named(_) => 2,
            })
            .chain([end])
            .collect()
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
    fn exact_beats_wildcard_and_longer_beats_shorter() {
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
    fn the_order_in_the_manifest_does_not_matter() {
        assert_eq!(winner(&["/a", "/..."], "/a").as_deref(), Some("/a"));
        assert_eq!(winner(&["/...", "/a"], "/a").as_deref(), Some("/a"));
    }

    #[test]
    fn a_wildcard_ends_at_a_segment() {
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
    fn named_segments_match_one_segment_and_lose_to_literals() {
        let routes = ["/v/:id", "/v/mine", "/v/:id/x"];
        assert_eq!(winner(&routes, "/v/mine").as_deref(), Some("/v/mine"));
        let router = router(&routes);
        let matched = router.route("/v/42/x").unwrap();
        assert_eq!(matched.named, [("id", "42".to_owned())]);
        assert!(router.route("/v/42/y").is_none());
    }

    #[test]
    fn a_route_given_twice_or_with_an_inner_wildcard_is_an_error() {
        let twice = ["/a", "/a/"].map(|r| (r.to_owned(), r.to_owned()));
        assert!(Router::new(twice).is_err());
        for bad in ["/a/.../b", "/a/*/b", "/a*"] {
            assert!(
                Router::new([(bad.to_owned(), "c".to_owned())]).is_err(),
                "{bad}"
            );
        }
    }
}
