//! Lists of ours, a page at a time. A page begins after an item and not at a
//! number, so that what is added meanwhile moves nothing.

use crate::request::{Inbound, invalid};
use edge::{
    Response,
    respond::{self, Problem},
};
use http::StatusCode;
use serde_json::{Value, json};

const SIZE: usize = 50;
const MOST: usize = 100;

/// Which part of a list is asked for.
pub(crate) struct Window {
    /// The id of the last item of the page before.
    pub(crate) after: Option<String>,
    size: usize,
}

impl Window {
    /// `page[after]` and `page[size]`.
    pub(crate) fn of(inbound: &Inbound) -> Result<Self, Problem> {
        let size = match inbound.parameter("page[size]")? {
            None => SIZE,
            Some(size) => size
                .parse()
                .ok()
                .filter(|size| (1..=MOST).contains(size))
                .ok_or_else(|| invalid(format!("page[size] is a number from 1 to {MOST}")))?,
        };
        Ok(Self {
            after: inbound.parameter("page[after]")?,
            size,
        })
    }

    /// How many rows to look for: one more than are shown says that there are more.
    pub(crate) fn limit(&self) -> i64 {
        i64::try_from(self.size).unwrap_or(i64::MAX) + 1
    }
}

/// The page, with a link to the next one where there is one.
pub(crate) fn page(
    inbound: &Inbound,
    path: &str,
    window: &Window,
    mut data: Vec<Value>,
) -> Response {
    let has_more = data.len() > window.size;
    data.truncate(window.size);
    let last = data.last().filter(|_| has_more);
    let next = last.and_then(|item| item.get("id")?.as_str()).map(|id| {
        let query = inbound.query.as_bytes();
        let kept = form_urlencoded::parse(query).filter(|(name, _)| name != "page[after]");
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(kept)
            .append_pair("page[after]", id)
            .finish();
        format!("{path}?{query}")
    });
    let body = json!({
        "meta": {"pageSize": window.size},
        "links": {"next": next},
        "data": data,
    });
    respond::json(StatusCode::OK, body.to_string())
}
