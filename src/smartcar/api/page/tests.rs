use super::*;
use crate::{
    Connection, ConnectionFilter, VehicleId,
    testing::{Fake, Reply, client},
};
use proptest::prelude::*;

const PATH: &str = "/v3/connections";

/// A page of connections with these ids; `rest` are the other members.
fn page(ids: &[&str], rest: &str) -> String {
    let items: Vec<_> = ids
        .iter()
        .map(|id| format!(r#"{{"id":"{id}","type":"connection"}}"#))
        .collect();
    format!(r#"{{"data":[{}]{rest}}}"#, items.join(","))
}

fn links(next: &str) -> String {
    format!(r#","links":{{"self":"s","next":{next}}}"#)
}

fn meta(number: u32, size: u32, total: u32) -> String {
    format!(r#","meta":{{"pageNumber":{number},"pageSize":{size},"totalCount":{total}}}"#)
}

/// The whole list that a Smartcar tells which answers with `pages`: ids, and
/// the sentences of errors. The last page is repeated for ever.
fn list(fake: &Fake, pages: &[String], first: PageRequest) -> Vec<Result<String, String>> {
    for page in pages {
        fake.answer(PATH, 200, page);
    }
    let client = client(fake);
    let items = client.all_connections(&ConnectionFilter::default(), first);
    let read = |item: Result<Connection, Error>| {
        item.map(|connection| connection.id.to_string())
            .map_err(|error| error.to_string())
    };
    fake.run(items.map(read).collect())
}

/// What `pages` tell, and how many of them were asked for.
fn listed(pages: &[String]) -> (Vec<Result<String, String>>, usize) {
    let fake = Fake::new();
    let items = list(&fake, pages, PageRequest::default());
    (items, fake.requests_to(PATH))
}

fn ids(ids: &[&str]) -> Vec<Result<String, String>> {
    ids.iter().map(|id| Ok((*id).to_owned())).collect()
}

fn complaint(items: &[Result<String, String>]) -> &str {
    items.last().unwrap().as_ref().unwrap_err()
}

#[test]
fn page_is_asked_for_by_number_and_size_and_read() {
    let fake = Fake::new();
    let rest = meta(3, 2, 9) + &links("\"n\"");
    fake.answer(PATH, 200, &page(&["c-1", "c-2"], &rest));
    let vehicle = VehicleId::parse("v-1").unwrap();
    let filter = ConnectionFilter {
        vehicle: Some(vehicle),
        ..ConnectionFilter::default()
    };
    let third = PageRequest {
        number: 3,
        size: Some(2),
    };
    let answer = fake.run(client(&fake).list_connections(&filter, third));
    let page = answer.unwrap().value;
    assert_eq!(page.items.len(), 2);
    assert_eq!(
        (page.number, page.size, page.total),
        (Some(3), Some(2), Some(9))
    );
    assert!(!page.is_last && page.unreadable.is_empty());
    let request = fake.requests().pop().unwrap();
    let query = "filter%5BvehicleId%5D=v-1&page%5Bnumber%5D=3&page%5Bsize%5D=2";
    assert_eq!(request.uri().query(), Some(query));
}

#[test]
fn pages_are_all_listed_and_no_more_are_fetched() {
    // Each way in which a page can tell that it is the last one.
    let first = page(&["a", "b"], &(meta(1, 2, 3) + &links("\"n\"")));
    let last = page(&["c"], &(meta(2, 2, 3) + &links("null")));
    assert_eq!(listed(&[first, last]), (ids(&["a", "b", "c"]), 2));
    let first = page(&["a", "b"], &meta(1, 2, 3));
    let last = page(&["c"], &meta(2, 2, 3));
    assert_eq!(listed(&[first, last]), (ids(&["a", "b", "c"]), 2));
    let first = page(&["a", "b"], r#","meta":{"pageSize":2}"#);
    let last = page(&["c"], r#","meta":{"pageSize":2}"#);
    assert_eq!(listed(&[first, last]), (ids(&["a", "b", "c"]), 2));
    assert_eq!(listed(&[page(&["a", "b"], "")]), (ids(&["a", "b"]), 1));
    assert_eq!(listed(&[page(&[], &links("\"n\""))]), (ids(&[]), 1));
}

#[test]
fn list_goes_on_from_the_given_page() {
    let fake = Fake::new();
    let first = PageRequest {
        number: 4,
        size: Some(1),
    };
    let pages = [page(&["d"], &meta(4, 1, 5)), page(&["e"], &meta(5, 1, 5))];
    assert_eq!(list(&fake, &pages, first), ids(&["d", "e"]));
    let queries: Vec<_> = fake.requests()[1..]
        .iter()
        .map(|request| request.uri().query().unwrap().to_owned())
        .collect();
    let query = |number| format!("page%5Bnumber%5D={number}&page%5Bsize%5D=1");
    assert_eq!(queries, [query(4), query(5)]);
}

#[test]
fn server_that_repeats_a_page_for_ever_is_not_believed() {
    // It ignores the number that is asked for, and says so …
    let same = page(&["a"], &(meta(1, 1, 9) + &links("\"n\"")));
    let (items, requests) = listed(&[same]);
    assert_eq!((items.len(), requests), (2, 2));
    assert!(complaint(&items).contains("page 2 was asked for and page 1 came"));
    // … or does not say so.
    let (items, requests) = listed(&[page(&["a"], &links("\"n\""))]);
    assert_eq!((items.len(), requests), (2, 2));
    assert!(complaint(&items).contains("page 2 is the same as the one before"));
}

#[test]
fn list_without_an_end_is_given_up() {
    let pages: Vec<_> = (1..=MOST_PAGES + 9)
        .map(|number| page(&[&format!("c-{number}")], &links("\"n\"")))
        .collect();
    let (items, requests) = listed(&pages);
    assert_eq!(requests, MOST_PAGES as usize);
    assert!(complaint(&items).contains("is still not the last one"));
    let fake = Fake::new();
    let end = PageRequest {
        number: u32::MAX,
        size: None,
    };
    assert_eq!(list(&fake, &pages, end).len(), 1);
}

#[test]
fn total_that_does_not_fit_neither_cuts_the_list_nor_prolongs_it() {
    // Connections are made and ended while they are listed.
    let first = page(&["a", "b"], &(meta(1, 2, 0) + &links("\"n\"")));
    let last = page(&["c"], &(meta(2, 2, 4_000_000_000) + &links("null")));
    assert_eq!(listed(&[first, last]), (ids(&["a", "b", "c"]), 2));
    let first = page(&["a", "b"], &meta(1, 2, 4_000_000_000));
    let empty = page(&[], &meta(2, 2, 4_000_000_000));
    assert_eq!(listed(&[first, empty]), (ids(&["a", "b"]), 2));
    let none = page(&["a"], &meta(1, 0, 7));
    let (items, requests) = listed(&[none, page(&[], "")]);
    assert_eq!((items, requests), (ids(&["a"]), 2));
}

#[test]
fn item_that_cannot_be_read_costs_no_other() {
    let rest = meta(1, 4, 4) + &links("null");
    let odd = page(&["a", "../b", "c"], &rest).replacen("[{", "[7,{", 1);
    let (items, _) = listed(std::slice::from_ref(&odd));
    assert_eq!(
        (items[1].as_deref(), items[3].as_deref()),
        (Ok("a"), Ok("c"))
    );
    let complaint = items[0].as_ref().unwrap_err();
    assert!(
        complaint.contains("page 1, item 0: it is no JSON object"),
        "{complaint}"
    );
    let complaint = items[2].as_ref().unwrap_err();
    assert!(
        complaint.contains("page 1, item 2: a connection id must be"),
        "{complaint}"
    );
    assert!(!complaint.contains("../b"), "{complaint}");

    let fake = Fake::new();
    fake.answer(PATH, 200, &odd);
    let filter = ConnectionFilter::default();
    let answer = fake.run(client(&fake).list_connections(&filter, PageRequest::default()));
    let page = answer.unwrap().value;
    assert_eq!((page.items.len(), page.unreadable.len()), (2, 2));
    let unreadable = &page.unreadable[1];
    assert_eq!(unreadable.index, 2);
    assert!(unreadable.raw.as_str().contains("../b"));
    assert!(!format!("{unreadable:?}").contains("../b"));
}

#[test]
fn error_ends_the_list_and_is_reported_once() {
    let fake = Fake::new();
    fake.answer(PATH, 200, &page(&["a"], &links("\"n\"")));
    let limited = Reply::Answer(
        429,
        vec![("retry-after", "7".into())],
        r#"{"errors":[{"type":"RATE_LIMIT","code":"SMARTCAR_API"}]}"#.into(),
    );
    fake.reply(PATH, limited);
    let items = list(&fake, &[], PageRequest::default());
    assert_eq!(items.len(), 2);
    assert!(complaint(&items).contains("429"), "{items:?}");
    for body in [
        "",
        "<html>",
        "[]",
        "{}",
        r#"{"data":{}}"#,
        r#"{"data":null}"#,
    ] {
        let (items, requests) = listed(&[body.to_owned()]);
        assert_eq!((items.len(), requests), (1, 1), "{body}");
        assert!(complaint(&items).contains("data is not a list"), "{body}");
    }
}

#[test]
fn page_is_fetched_when_its_first_item_is_taken() {
    let fake = Fake::new();
    fake.answer(PATH, 200, &page(&["a", "b"], &links("\"n\"")));
    let client = client(&fake);
    let filter = ConnectionFilter::default();
    let mut items = client.all_connections(&filter, PageRequest::default());
    assert_eq!(fake.requests_to(PATH), 0);
    for _ in 0..2 {
        assert!(fake.run(items.next()).unwrap().is_ok());
        assert_eq!(fake.requests_to(PATH), 1);
    }
}

fn anything() -> impl Strategy<Value = String> {
    let count = prop::sample::select(vec![
        "0",
        "1",
        "2",
        "3",
        "-1",
        "4294967296",
        "\"1\"",
        "null",
    ]);
    let next = prop::sample::select(vec!["null", "\"n\"", "\"\"", "{}", "[]", "0", "false"]);
    let data = prop::sample::select(vec![
        r#"[{"id":"a"}]"#,
        r#"[{"id":"b"},{"id":"c"}]"#,
        r#"[{"id":7},null]"#,
        "[]",
        "{}",
        "null",
    ]);
    (data, count.clone(), count.clone(), count, next).prop_map(
        |(data, number, size, total, next)| {
            format!(
                r#"{{"data":{data},"meta":{{"pageNumber":{number},"pageSize":{size},
                "totalCount":{total}}},"links":{{"next":{next}}}}}"#
            )
        },
    )
}

proptest! {
    #[test]
    fn list_ends_whatever_a_server_says(pages in prop::collection::vec(anything(), 1..6)) {
        let (items, requests) = listed(&pages);
        // The last page is repeated, so one more than there are is asked for at most.
        prop_assert!(requests <= pages.len() + 1, "{items:?}");
    }
}
