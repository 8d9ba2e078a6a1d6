//! Deliveries in PostgreSQL. The function `receive` stores them with what follows from each.

use super::{Connect, Postgres, Value, connection::storable, reports::Lists};
use crate::{
    Deliveries, StoreError,
    delivery::{Delivery, DeliveryFigures},
    rows,
};
use edge::Platform;
use smartcar::Timestamp;

/// As many as Spin has an instance serve at the same time.
const BATCH: usize = 16;

/// The function of the database names the parameters.
const RECEIVE: &str = "SELECT receive($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
    $20, $21, $22, $23, $24, $25, $26, $27, $28, $29)";

const KNOWN: &str = "SELECT coalesce(array_agg(event_id), '{}') FROM delivery
    WHERE event_id = ANY ($1)";

/// One after the other where two forget: the second finds others.
const FORGET: &str = "DELETE FROM delivery WHERE event_id IN (
    SELECT event_id FROM delivery WHERE received_at < $1
    ORDER BY received_at LIMIT $2 FOR UPDATE SKIP LOCKED)";

/// At the same cost however many there are: beyond [`COUNTED`](crate::delivery::COUNTED) it
/// is what the server estimated when it last looked.
const FIGURES: &str = "SELECT (
        SELECT CASE WHEN n <= 1000 THEN n ELSE greatest(n,
            (SELECT reltuples::bigint FROM pg_class WHERE oid = 'delivery'::regclass)) END
        FROM (SELECT count(*) AS n FROM (SELECT 1 FROM delivery LIMIT 1001) AS first) AS counted
    ),
    (SELECT max(received_at) FROM delivery),
    (SELECT received_at FROM delivery WHERE mode = 'LIVE' ORDER BY received_at DESC LIMIT 1)";

/// A delivery that borrows nothing.
#[derive(Debug)]
pub struct Prepared {
    event_id: String,
    event_type: String,
    mode: &'static str,
    vehicle_id: Option<String>,
    user_id: Option<String>,
    delivered_at: Option<i64>,
    received_at: i64,
    body: Vec<u8>,
    report: Option<Reported>,
}

/// What a delivery reports.
#[derive(Debug)]
struct Reported {
    at: i64,
    make: Option<String>,
    model: Option<String>,
    year: Option<i64>,
    powertrain_type: Option<String>,
    mode: Option<String>,
    lists: Lists,
}

fn list<'a>(
    deliveries: &[&'a Prepared],
    column: impl Fn(&'a Prepared) -> Option<&'a str>,
) -> Value {
    let texts = deliveries.iter().map(|delivery| column(delivery));
    Value::Texts(texts.map(|text| text.map(str::to_owned)).collect())
}

fn numbers<'a>(deliveries: &[&'a Prepared], column: impl Fn(&'a Prepared) -> Option<i64>) -> Value {
    Value::Integers(deliveries.iter().map(|delivery| column(delivery)).collect())
}

fn count(count: usize) -> Option<i64> {
    i64::try_from(count).ok()
}

/// In the order in which `receive` takes vehicles; those without one last, by their events.
fn in_order<'a>(deliveries: &[&'a Prepared]) -> Vec<&'a Prepared> {
    let mut deliveries = deliveries.to_vec();
    deliveries.sort_by_key(|delivery| match &delivery.vehicle_id {
        Some(vehicle) => (false, vehicle),
        None => (true, &delivery.event_id),
    });
    deliveries
}

fn parameters(deliveries: &[&Prepared]) -> Vec<Value> {
    let reported = |delivery: &'_ Prepared, of: fn(&Lists) -> usize| {
        let report = delivery.report.as_ref();
        count(report.map_or(0, |report| of(&report.lists)))
    };
    let mut lists = Lists::default();
    let mut bodies = Vec::new();
    for delivery in deliveries {
        bodies.extend_from_slice(&delivery.body);
        if let Some(report) = &delivery.report {
            lists.extend(&report.lists);
        }
    }
    let (signals, errors) = lists.into_parameters();
    let text = |column: fn(&Reported) -> Option<&str>| {
        list(deliveries, move |delivery| {
            delivery.report.as_ref().and_then(column)
        })
    };
    let mut parameters = vec![
        list(deliveries, |delivery| Some(delivery.event_id.as_str())),
        list(deliveries, |delivery| Some(delivery.event_type.as_str())),
        list(deliveries, |delivery| Some(delivery.mode)),
        list(deliveries, |delivery| delivery.vehicle_id.as_deref()),
        list(deliveries, |delivery| delivery.user_id.as_deref()),
        numbers(deliveries, |delivery| delivery.delivered_at),
        numbers(deliveries, |delivery| Some(delivery.received_at)),
        Value::Bytes(bodies),
        numbers(deliveries, |delivery| count(delivery.body.len())),
        numbers(deliveries, |delivery| {
            delivery.report.as_ref().map(|report| report.at)
        }),
        text(|report| report.make.as_deref()),
        text(|report| report.model.as_deref()),
        numbers(deliveries, |delivery| {
            delivery.report.as_ref().and_then(|report| report.year)
        }),
        text(|report| report.powertrain_type.as_deref()),
        text(|report| report.mode.as_deref()),
        numbers(deliveries, |delivery| reported(delivery, Lists::signals)),
    ];
    parameters.extend(signals);
    parameters.push(numbers(deliveries, |delivery| {
        reported(delivery, Lists::errors)
    }));
    parameters.extend(errors);
    parameters
}

/// The function takes any number; a batch is what the trait promises.
fn at_most_a_batch(deliveries: &[&Prepared]) -> Result<(), StoreError> {
    if deliveries.len() <= BATCH {
        return Ok(());
    }
    let reason = format!("a statement takes at most {BATCH} deliveries");
    Err(StoreError::Unavailable(reason))
}

impl<C: Connect, P: Platform> Deliveries for Postgres<C, P>
where
    Self: 'static,
{
    type Prepared = Prepared;

    const BATCH: usize = BATCH;

    fn prepare(&self, delivery: &Delivery<'_>) -> Prepared {
        let report = delivery.report.map(|report| {
            let vehicle = &report.vehicle;
            Reported {
                at: report.reported_at.0,
                make: vehicle.make.as_deref().map(storable),
                model: vehicle.model.as_deref().map(storable),
                year: vehicle.year.map(i64::from),
                powertrain_type: vehicle.powertrain_type.as_deref().map(storable),
                mode: vehicle.mode.as_deref().map(storable),
                lists: Lists::of(report),
            }
        });
        Prepared {
            event_id: storable(delivery.event_id),
            event_type: storable(delivery.event_type),
            mode: delivery.mode.as_str(),
            vehicle_id: delivery.vehicle_id.map(storable),
            user_id: delivery.user_id.map(storable),
            delivered_at: delivery.delivered_at.map(|at| at.0),
            received_at: delivery.received_at.0,
            body: delivery.body.to_vec(),
            report,
        }
    }

    async fn insert(&self, deliveries: &[&Prepared]) -> Result<(), StoreError> {
        at_most_a_batch(deliveries)?;
        let parameters = parameters(&in_order(deliveries));
        self.execute_once(RECEIVE, parameters).await
    }

    async fn known(&self, deliveries: &[&Prepared]) -> Result<Vec<bool>, StoreError> {
        at_most_a_batch(deliveries)?;
        let events = list(deliveries, |delivery| Some(delivery.event_id.as_str()));
        let found = self.first(KNOWN, [events]).await?;
        let found = found.map_or_else(Vec::new, |mut row| row.texts(0));
        let is_known = |delivery: &&Prepared| found.contains(&delivery.event_id);
        Ok(deliveries.iter().map(is_known).collect())
    }

    async fn forget_deliveries(&self, before: Timestamp, most: i64) -> Result<bool, StoreError> {
        let parameters = [Value::from(before), Value::from(most)];
        Ok(self.execute(FORGET, parameters).await? > 0)
    }

    async fn delivery_figures(&self) -> Result<DeliveryFigures, StoreError> {
        let row = self.first(FIGURES, []).await?;
        Ok(row
            .map(rows::deliveries::delivery_figures)
            .unwrap_or_default())
    }
}
