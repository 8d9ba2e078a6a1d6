//! Lists, which come in pages.

use crate::{
    ApiResponse, Call, Client, Error, Platform, RawJson, Response,
    api::answer::{Resource, read, unreadable},
    fields::Fields,
    readable,
};
use futures::{Stream, StreamExt, stream};
use serde_json::value::RawValue;
use std::pin::Pin;

/// Where a list stops at the latest. Smartcar allows an application 120 requests
/// in a row (<https://smartcar.com/docs/help/api-limits>); what needs more pages
/// than this is no list but a server that does not know where it ends.
const MOST_PAGES: u32 = 1000;

/// Which part of a list to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Counted from 1.
    pub number: u32,
    /// How many items a page has at most; None leaves it to Smartcar: 10 for
    /// connections, 25 for subscriptions and 50 for webhooks, whose limit is 100.
    pub size: Option<u32>,
}

impl PageRequest {
    /// The first page, of `size` items.
    pub const fn of_size(size: u32) -> Self {
        Self {
            number: 1,
            size: Some(size),
        }
    }

    fn ask(self, list: &Call) -> Call {
        let call = list.clone().query("page[number]", &self.number.to_string());
        match self.size {
            Some(size) => call.query("page[size]", &size.to_string()),
            None => call,
        }
    }
}

/// The first page, of the size that Smartcar takes by itself.
impl Default for PageRequest {
    fn default() -> Self {
        Self {
            number: 1,
            size: None,
        }
    }
}

/// A page of a list: `{data: […], meta: {pageNumber, pageSize, totalCount, …},
/// links: {self, first, last, next, prev}}`.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// In Smartcar's order.
    pub items: Vec<T>,
    /// What stood between them and could not be read.
    pub unreadable: Vec<UnreadableItem>,
    /// The page's number, counted from 1, if Smartcar tells.
    pub number: Option<u32>,
    /// How many items a full page has, if Smartcar tells.
    pub size: Option<u32>,
    /// How many items the whole list has, if Smartcar tells.
    pub total: Option<u32>,
    /// Whether there is no page after this one, as far as the page tells.
    pub is_last: bool,
}

/// An element of a list that is no JSON object, or whose identifier is none.
#[derive(Clone, Debug)]
pub struct UnreadableItem {
    /// Its place in the page, from 0.
    pub index: usize,
    /// What is wrong with it. Quotes nothing of it.
    pub why: String,
    /// The element as it was written.
    pub raw: RawJson,
}

/// All items of a list, fetched page by page while they are taken.
///
/// An item that could not be read is an [`Error::Unreadable`] in its place, and
/// the list goes on after it; any other error ends it. It also ends at an empty
/// page. A page that is another one than was asked for, one that is the same as
/// the one before, and the end of Smartcar's patience ([`Error::Limited`]) are
/// errors, so that a list which is not complete cannot be taken for one.
pub type Items<'a, T> = Pin<Box<dyn Stream<Item = Result<T, Error>> + 'a>>;

/// What a page tells, its items not yet read.
struct Listing<'a> {
    data: &'a str,
    elements: Vec<&'a RawValue>,
    number: Option<u32>,
    size: Option<u32>,
    total: Option<u32>,
    is_last: bool,
}

impl<'a> Listing<'a> {
    /// `text` is the body of the response.
    fn read(text: &'a str, response: &Response, asked: PageRequest) -> Result<Self, Error> {
        let top = Fields::read(text).unwrap_or_default();
        let list = top.get("data").zip(top.array("data"));
        let (data, elements) =
            list.ok_or_else(|| unreadable(response, "data is not a list".to_owned()))?;
        let meta = top.object("meta");
        let links = top.object("links");
        let (size, total) = (meta.count("pageSize"), meta.count("totalCount"));
        let is_last = if links.has("next") {
            links.get("next").is_none()
        } else {
            let size = size.or(asked.size).map(u64::from);
            match (size, total) {
                (Some(size), Some(total)) => size * u64::from(asked.number) >= u64::from(total),
                (Some(size), None) => (elements.len() as u64) < size,
                // A list that says nothing of pages has one.
                (None, _) => true,
            }
        };
        Ok(Self {
            data: data.get(),
            is_last: is_last || elements.is_empty(),
            number: meta.count("pageNumber"),
            elements,
            size,
            total,
        })
    }
}

/// Where a stream stands in its list.
struct Pager {
    asked: PageRequest,
    pages: u32,
    /// The page before this one.
    previous: String,
}

impl Pager {
    /// What is to be asked for after `listing`.
    fn turn(self, listing: &Listing<'_>) -> Result<Option<Self>, String> {
        let asked = self.asked.number;
        if let Some(number) = listing.number.filter(|number| *number != asked) {
            return Err(format!("page {asked} was asked for and page {number} came"));
        }
        if !listing.elements.is_empty() && listing.data == self.previous {
            return Err(format!("page {asked} is the same as the one before"));
        }
        if listing.is_last {
            return Ok(None);
        }
        let next = asked.checked_add(1).filter(|_| self.pages < MOST_PAGES);
        let number = next.ok_or_else(|| format!("page {asked} is still not the last one"))?;
        Ok(Some(Self {
            asked: PageRequest {
                number,
                ..self.asked
            },
            pages: self.pages + 1,
            previous: listing.data.to_owned(),
        }))
    }
}

impl<P: Platform> Client<P> {
    /// One page of a list that has pages.
    pub(crate) async fn page<T: Resource>(
        &self,
        list: Call,
        asked: PageRequest,
    ) -> Result<ApiResponse<Page<T>>, Error> {
        self.list(&asked.ask(&list), asked).await
    }

    /// The answer to `call` as a page of a list.
    pub(crate) async fn list<T: Resource>(
        &self,
        call: &Call,
        asked: PageRequest,
    ) -> Result<ApiResponse<Page<T>>, Error> {
        let response = self.succeed(call).await?;
        let text = readable(&response.body);
        let listing = Listing::read(&text, &response, asked)?;
        let mut page = Page {
            items: Vec::with_capacity(listing.elements.len()),
            unreadable: Vec::new(),
            number: listing.number,
            size: listing.size,
            total: listing.total,
            is_last: listing.is_last,
        };
        for (index, element) in listing.elements.into_iter().enumerate() {
            match read(element) {
                Ok(item) => page.items.push(item),
                Err(why) => page.unreadable.push(UnreadableItem {
                    index,
                    why,
                    raw: element.into(),
                }),
            }
        }
        Ok(ApiResponse {
            value: page,
            response,
        })
    }

    /// All items of a list that has pages, from page `first` on.
    pub(crate) fn items<'a, T: Resource + 'a>(
        &'a self,
        list: Call,
        first: PageRequest,
    ) -> Items<'a, T> {
        let pager = Pager {
            asked: first,
            pages: 1,
            previous: String::new(),
        };
        let pages = stream::unfold(Some(pager), move |pager| {
            let list = list.clone();
            async move {
                let pager = pager?;
                let call = pager.asked.ask(&list);
                Some(match self.succeed(&call).await {
                    Ok(response) => turn(&response, pager),
                    Err(error) => (vec![Err(error)], None),
                })
            }
        });
        Box::pin(pages.flat_map(stream::iter))
    }
}

/// The items of a page, and what is to be asked for after it.
fn turn<T: Resource>(response: &Response, pager: Pager) -> (Vec<Result<T, Error>>, Option<Pager>) {
    let number = pager.asked.number;
    let text = readable(&response.body);
    let turned = Listing::read(&text, response, pager.asked).and_then(|listing| {
        let next = pager
            .turn(&listing)
            .map_err(|why| unreadable(response, why))?;
        Ok((listing.elements, next))
    });
    let (elements, next) = match turned {
        Ok(turned) => turned,
        Err(error) => return (vec![Err(error)], None),
    };
    let items = elements.into_iter().enumerate().map(|(index, element)| {
        read(element)
            .map_err(|why| unreadable(response, format!("page {number}, item {index}: {why}")))
    });
    (items.collect(), next)
}

/// `call` with a filter, where there is one.
pub(crate) fn filter(call: Call, name: &str, value: Option<&str>) -> Call {
    match value {
        Some(value) => call.query(name, value),
        None => call,
    }
}

#[cfg(test)]
mod tests;
