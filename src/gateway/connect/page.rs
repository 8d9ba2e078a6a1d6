//! What a browser is shown on its way to Connect and back: pages of text alone,
//! redirects, and problems.

use crate::answer::set;
use edge::{
    Response,
    respond::{self, Problem},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};

/// A page has a heading, a sentence and nothing that runs or loads.
const POLICY: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A page with a heading and a sentence.
pub(crate) fn page(status: StatusCode, heading: &str, sentence: &str) -> Response {
    let (heading, sentence) = (escape(heading), escape(sentence));
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{heading}</title>\n<h1>{heading}</h1>\n<p>{sentence}</p>\n</html>\n"
    );
    let mut response = respond::json(status, html);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    );
    response
}

/// Sends the browser elsewhere.
pub(crate) fn redirect(location: &str) -> Response {
    let mut response = respond::json(StatusCode::FOUND, "");
    response.headers_mut().remove(header::CONTENT_TYPE);
    set(&mut response, "location", location);
    response
}

/// A URL with parameters added to its query.
pub(crate) fn with_parameters(url: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let mut added = form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters {
        if let Some(value) = value {
            added.append_pair(name, value);
        }
    }
    let sign = if url.contains('?') { '&' } else { '?' };
    // Not every reader of a query knows the plus of forms.
    let added = added.finish().replace('+', "%20");
    format!("{url}{sign}{added}")
}

/// A problem: a page for a browser, which asks for one by name, and the usual
/// JSON for everyone else.
pub(crate) fn problem(problem: Problem, asked: &HeaderMap) -> Response {
    let wants_page = asked.get_all(header::ACCEPT).iter().any(|accept| {
        let accept = accept.to_str().unwrap_or_default();
        accept.to_ascii_lowercase().contains("text/html")
    });
    if !wants_page {
        return problem.into();
    }
    let mut shown = page(problem.status, "Not connected", &problem.detail);
    // What a problem says by its headers, the page says too.
    for (name, value) in Response::from(problem).headers() {
        if !shown.headers().contains_key(name) {
            shown.headers_mut().insert(name, value.clone());
        }
    }
    shown
}

/// For every page: no cache keeps it, no browser guesses its type, and no link says from where the
/// browser came; the URL of the way back has a user's id in it.
pub(crate) fn guarded(mut response: Response) -> Response {
    set(&mut response, "cache-control", "no-store");
    set(&mut response, "x-content-type-options", "nosniff");
    set(&mut response, "referrer-policy", "no-referrer");
    response
}

/// Text as it may stand anywhere in HTML.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use edge::respond::Code;

    #[test]
    fn text_stays_text() {
        let escaped = escape(r#"<script a="b" c='d'>&amp;"#);
        let expected = "&lt;script a=&quot;b&quot; c=&#39;d&#39;&gt;&amp;amp;";
        assert_eq!(escaped, expected);
    }

    #[test]
    fn parameters_are_added_to_what_is_there() {
        let parameters = [("user_id", Some("u-1")), ("a", None), ("b", Some("&#é"))];
        for (url, expected) in [
            ("https://x", "https://x?user_id=u-1&b=%26%23%C3%A9"),
            ("https://x/?c", "https://x/?c&user_id=u-1&b=%26%23%C3%A9"),
        ] {
            assert_eq!(with_parameters(url, &parameters), expected);
        }
    }

    #[test]
    fn browser_is_shown_a_page_and_others_json() {
        let shown = |accept: &'static str| {
            let accept = HeaderValue::from_static(accept);
            let asked = HeaderMap::from_iter([(header::ACCEPT, accept)]);
            let again = Problem::new(Code::ConnectIncomplete, "again").retry_after(5);
            let response = problem(again, &asked);
            assert_eq!(response.status(), 502);
            assert_eq!(response.headers()["retry-after"], "5");
            response.headers()["content-type"].clone()
        };
        let page = "text/html; charset=utf-8";
        assert_eq!(shown("text/html,application/xml;q=0.9,*/*;q=0.8"), page);
        assert_eq!(shown("application/json"), "application/json");
        assert_eq!(shown("*/*"), "application/json");
    }
}
