//! A delivery, taken apart.

use super::{Envelope, Mode};
use crate::{Timestamp, fields::Fields, report::Report};

/// A delivery that is read once: who and what it is about, and what it reports.
///
/// ```
/// use smartcar::{Timestamp, delivery::Event, readable};
///
/// let body = readable(br#"{"eventId":"e-1","data":{"vehicle":{"id":"v-1"},"signals":[
///     {"code":"charge-ischarging","body":{"value":true}}]}}"#);
/// let event = Event::read(&body);
/// assert_eq!(event.envelope.vehicle_id.as_deref(), Some("v-1"));
/// let report = event.report(Timestamp(1_783_157_415_000)).unwrap();
/// assert_eq!(report.signals[0].code, "charge-ischarging");
/// ```
pub struct Event<'a> {
    /// Who and what it is about.
    pub envelope: Envelope<'a>,
    data: Fields<'a>,
}

impl<'a> Event<'a> {
    /// Reads the text of a body, which is best [`readable`](crate::readable). A body that
    /// is no JSON object has no fields.
    pub fn read(text: &'a str) -> Self {
        let top = Fields::read(text).unwrap_or_default();
        let data = top.object("data");
        Self {
            envelope: Envelope::of(&top, &data),
            data,
        }
    }

    /// What it reports of a vehicle, received at this time. None where it is about no
    /// vehicle, and of a test event, which changes nothing that is known of one.
    pub fn report(&self, received_at: Timestamp) -> Option<Report<'a>> {
        let Envelope {
            event_type,
            vehicle_id,
            mode,
            delivered_at,
            ..
        } = &self.envelope;
        let is_about_a_vehicle = vehicle_id.is_some() && *mode != Some(Mode::Test);
        let has_errors = event_type.as_deref() == Some("VEHICLE_ERROR");
        is_about_a_vehicle.then(|| Report::read(&self.data, has_errors, *delivered_at, received_at))
    }
}
