//! A delivery takes no more instructions than it took before.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use bench::instructions::{CASES, committed, measure};

#[test]
fn delivery_takes_at_most_a_tenth_more_instructions_than_committed() {
    if std::env::var("EDGE_HOST").is_ok_and(|host| host == "spin") {
        eprintln!("skipped: only the embedded host counts instructions, and EDGE_HOST is spin");
        return;
    }
    let (now, before) = (measure().unwrap(), committed().unwrap());
    println!("{now:?}, committed {before:?}");
    for case in CASES {
        let (now, before) = (now[case], before[case]);
        assert!(
            now * 10 <= before * 11,
            "{case}: {now} instructions, {before} were committed; if the work is worth it, \
             write the new number into bench/instructions.json and say why in the commit"
        );
    }
}
