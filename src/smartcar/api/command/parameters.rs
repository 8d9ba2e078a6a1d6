//! The parameters of commands, and the JSON that carries them.

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};
use std::{fmt, marker::PhantomData};

/// The parameters of a command.
pub(super) trait Parameters {
    /// Reads the body of a request.
    fn read(body: &[u8]) -> Result<Self, CommandError>
    where
        Self: Sized;

    /// The body that Smartcar expects.
    fn body(&self) -> Vec<u8>;

    /// The number of percent that a signal will show.
    fn percent(&self) -> Option<i64>;
}

/// A charge limit in percent of the battery's capacity, 50 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percent(i64);

impl Percent {
    /// Checks the range.
    pub fn new(percent: i64) -> Result<Self, CommandError> {
        if (50..=100).contains(&percent) {
            Ok(Self(percent))
        } else {
            Err(CommandError::Percent)
        }
    }

    /// The limit in percent.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl Parameters for Percent {
    fn read(body: &[u8]) -> Result<Self, CommandError> {
        let Limit { percent } = attributes(body)?;
        Self::new(percent)
    }

    fn body(&self) -> Vec<u8> {
        json(Limit { percent: self.0 })
    }

    fn percent(&self) -> Option<i64> {
        Some(self.0)
    }
}

/// A place on earth, in degrees (WGS 84).
#[derive(Clone, Copy, PartialEq)]
pub struct Destination {
    latitude: f64,
    longitude: f64,
}

impl Destination {
    /// Checks the ranges: latitude -90 to 90, longitude -180 to 180.
    pub fn new(latitude: f64, longitude: f64) -> Result<Self, CommandError> {
        if !(-90.0..=90.0).contains(&latitude) {
            return Err(CommandError::Latitude);
        }
        if !(-180.0..=180.0).contains(&longitude) {
            return Err(CommandError::Longitude);
        }
        Ok(Self {
            latitude,
            longitude,
        })
    }
}

/// Where someone is going belongs in no log.
impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Destination(..)")
    }
}

impl Parameters for Destination {
    fn read(body: &[u8]) -> Result<Self, CommandError> {
        let Place {
            latitude,
            longitude,
        } = attributes(body)?;
        Self::new(latitude, longitude)
    }

    fn body(&self) -> Vec<u8> {
        json(Place {
            latitude: self.latitude,
            longitude: self.longitude,
        })
    }

    fn percent(&self) -> Option<i64> {
        None
    }
}

/// A request body that is not a command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The body is not the documented JSON. Tells where, not what was there.
    #[error("the body is not the JSON that this command takes: {0}")]
    Body(String),
    /// The charge limit is out of range.
    #[error("data.attributes.percent must be an integer from 50 to 100")]
    Percent,
    /// The latitude is out of range.
    #[error("data.attributes.latitude must be a number of degrees from -90 to 90")]
    Latitude,
    /// The longitude is out of range.
    #[error("data.attributes.longitude must be a number of degrees from -180 to 180")]
    Longitude,
    /// The command takes no parameters.
    #[error("this command takes no body, or a JSON object")]
    UnexpectedBody,
}

#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    data: Object<Data<T>>,
}

#[derive(Serialize, Deserialize)]
struct Data<T> {
    attributes: Object<T>,
}

/// A JSON object. A derived struct would take an array in its place.
#[derive(Serialize)]
#[serde(transparent)]
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Object<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(Members(PhantomData))
    }
}

#[derive(Serialize, Deserialize)]
struct Limit {
    #[serde(deserialize_with = "whole")]
    percent: i64,
}

#[derive(Serialize, Deserialize)]
struct Place {
    latitude: f64,
    longitude: f64,
}

#[derive(Deserialize)]
struct Empty {}

/// A whole number. JSON has one kind of number: 80.0 is 80, and Python writes it so.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let number = f64::deserialize(deserializer)?;
    if number.fract() == 0.0 && number.abs() < 1e15 {
        #[allow(clippy::cast_possible_truncation, reason = "within what an f64 counts")]
        return Ok(number as i64);
    }
    Err(serde::de::Error::custom("not a whole number"))
}

fn attributes<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, CommandError> {
    serde_json::from_slice::<Object<Envelope<T>>>(body)
        .map(|envelope| envelope.0.data.0.attributes.0)
        .map_err(|error| {
            // serde_json's own sentence can quote the value, which may be a coordinate.
            let what = match error.classify() {
                serde_json::error::Category::Data => "a field is missing or of the wrong type",
                _ => "it is not valid JSON",
            };
            CommandError::Body(format!(
                "{what} (line {}, column {})",
                error.line(),
                error.column()
            ))
        })
}

/// Accepts the body of a command without parameters.
pub(super) fn empty(body: &[u8]) -> Result<(), CommandError> {
    if body.is_empty() || serde_json::from_slice::<Object<Empty>>(body).is_ok() {
        Ok(())
    } else {
        Err(CommandError::UnexpectedBody)
    }
}

fn json<T: Serialize>(attributes: T) -> Vec<u8> {
    // Serialising numbers into memory does not fail.
    serde_json::to_vec(&Envelope {
        data: Object(Data {
            attributes: Object(attributes),
        }),
    })
    .unwrap_or_default()
}
