//! Lists in pages, as Smartcar answers them: what a query asks for, and the
//! envelope around the items.

use crate::refusal::Refusal;
use http::Uri;
use serde_json::{Value, json};
use std::collections::HashMap;

/// The most items that a page of any list has.
const MAX_SIZE: usize = 100;

/// The parameters of a query.
pub(crate) struct Query(HashMap<String, String>);

impl Query {
    pub(crate) fn of(uri: &Uri) -> Self {
        let query = uri.query().unwrap_or_default().as_bytes();
        Self(form_urlencoded::parse(query).into_owned().collect())
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.0.get(name).map(String::as_str) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(Refusal::invalid_input(format!(
                "{name} must be true or false"
            ))),
        }
    }

    fn number(&self, name: &str, most: usize) -> Result<Option<usize>, Refusal> {
        let Some(text) = self.0.get(name) else {
            return Ok(None);
        };
        let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        // A page further than any there can be is as empty as those before it.
        let number = is_number.then(|| text.parse().unwrap_or(usize::MAX));
        match number {
            Some(number) if (1..=most).contains(&number) => Ok(Some(number)),
            _ => Err(Refusal::invalid_input(format!(
                "{name} must be a whole number from 1 to {most}"
            ))),
        }
    }
}

/// Which page of a list is asked for.
pub(crate) struct Page {
    /// Counts from 1.
    number: usize,
    size: usize,
}

impl Page {
    /// `size` is the list's own where the query names none.
    pub(crate) fn read(query: &Query, size: usize) -> Result<Self, Refusal> {
        Ok(Self {
            number: query.number("page[number]", usize::MAX)?.unwrap_or(1),
            size: query.number("page[size]", MAX_SIZE)?.unwrap_or(size),
        })
    }

    /// This page of the items at `url`, which come newest first. Its links repeat
    /// the filters.
    pub(crate) fn answer(
        &self,
        items: Vec<Value>,
        url: &str,
        filters: &[(&str, Option<&str>)],
    ) -> Value {
        let total = items.len();
        let skipped = (self.number - 1).saturating_mul(self.size);
        let data: Vec<Value> = items.into_iter().skip(skipped).take(self.size).collect();
        let last = total.div_ceil(self.size).max(1);
        let link = |number: usize| self.link(number, url, filters);
        json!({
            "data": data,
            "meta": {
                "pageNumber": self.number,
                "pageSize": self.size,
                "totalCount": total,
                "orderBy": "createdAt",
                "orderDirection": "DESC",
            },
            "links": {
                "self": link(self.number),
                "first": link(1),
                "last": link(last),
                "next": (self.number < last).then(|| link(self.number.saturating_add(1))),
                "prev": (self.number > 1).then(|| link(self.number - 1)),
            },
        })
    }

    fn link(&self, number: usize, url: &str, filters: &[(&str, Option<&str>)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("page[number]", &number.to_string());
        query.append_pair("page[size]", &self.size.to_string());
        for (name, value) in filters {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        format!("{url}?{}", query.finish())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn query(text: &str) -> Query {
        Query::of(&format!("/list?{text}").parse().unwrap())
    }

    #[test]
    fn link_leads_to_the_next_page_of_the_same_list() {
        let page = Page::read(&query("page[size]=2"), 25).unwrap();
        let items = vec![json!(1), json!(2), json!(3)];
        let filters = [("filter[name]", Some("a&b")), ("filter[userId]", None)];
        let first = page.answer(items.clone(), "http://s/list", &filters);
        assert_eq!(first["data"], json!([1, 2]));
        assert_eq!(first["links"]["prev"], Value::Null);
        let next = first["links"]["next"].as_str().unwrap();
        assert_eq!(
            next,
            "http://s/list?page%5Bnumber%5D=2&page%5Bsize%5D=2&filter%5Bname%5D=a%26b"
        );

        let next = Query::of(&next.parse().unwrap());
        let second = Page::read(&next, 25).unwrap();
        let second = second.answer(items, "http://s/list", &filters);
        assert_eq!(second["data"], json!([3]));
        assert_eq!(second["links"]["next"], Value::Null);
        assert_eq!(second["links"]["prev"], first["links"]["self"]);
    }

    #[test]
    fn list_has_its_own_size_and_none_has_more_than_100() {
        assert_eq!(Page::read(&query(""), 25).unwrap().size, 25);
        assert_eq!(Page::read(&query("page[size]=100"), 25).unwrap().size, 100);
        let far = query(&format!("page[number]={}", "9".repeat(40)));
        assert!(Page::read(&far, 25).is_ok());
        for bad in [
            "page[size]=101",
            "page[size]=0",
            "page[number]=-1",
            "page[number]=",
        ] {
            assert!(Page::read(&query(bad), 25).is_err(), "{bad}");
        }
    }

    #[test]
    fn boolean_is_spelled_out() {
        assert_eq!(query("a=true").boolean("a").unwrap(), Some(true));
        assert_eq!(query("a=false").boolean("a").unwrap(), Some(false));
        assert_eq!(query("a=true").boolean("b").unwrap(), None);
        assert!(query("a=1").boolean("a").is_err());
    }
}
