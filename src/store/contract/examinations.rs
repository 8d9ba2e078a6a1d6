//! Rules of the examinations.

use super::{Engine, Stage};
use crate::{Examinations, examination::Examination};
use smartcar::Clock;
use std::time::Duration;

pub(crate) async fn examination_is_known_to_all_until_the_next_one(stage: &Stage<impl Engine>) {
    let (one, other, now) = (stage.instance(), stage.instance(), stage.clock.now());
    assert_eq!(one.last_examination().await.unwrap(), None);
    let mut examination = Examination {
        ran_at: now,
        report: r#"{"findings":["ü"]}"#.to_owned(),
    };
    one.keep_examination(&examination).await.unwrap();
    let last = other.last_examination().await.unwrap();
    assert_eq!(last.as_ref(), Some(&examination));
    examination.ran_at = now.after(Duration::from_secs(1));
    "{}".clone_into(&mut examination.report);
    other.keep_examination(&examination).await.unwrap();
    assert_eq!(one.last_examination().await.unwrap(), Some(examination));
}
