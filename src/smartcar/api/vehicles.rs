//! Vehicles and their signals.
//!
//! Sources: <https://smartcar.com/docs/api-reference/get-vehicle>,
//! <https://smartcar.com/docs/api-reference/list-signals>,
//! <https://smartcar.com/docs/api-reference/get-signal>

use crate::{
    ApiResponse, Call, Client, Error, InvalidId, Platform, RawJson, Response, Signal, SignalCode,
    Signals, UnitSystem, UserId, VehicleId,
    api::answer::{Resource, own_id, read, text, unreadable},
    endpoints,
    fields::Fields,
    open_set::open_set,
    readable,
};

open_set! {
    /// Whether a vehicle is real or simulated.
    VehicleMode {
        /// A vehicle on the road.
        Live = "live",
        /// A vehicle that was made in Smartcar's dashboard.
        Simulated = "simulated",
    }
}

open_set! {
    /// What drives a vehicle.
    PowertrainType {
        /// Battery-electric.
        Bev = "BEV",
        /// A plug-in hybrid.
        Phev = "PHEV",
        /// A hybrid whose engine charges the battery.
        Hev = "HEV",
        /// An internal-combustion engine.
        Ice = "ICE",
    }
}

/// `{make, model, year, powertrainType, mode}`: what Smartcar says of a vehicle
/// wherever it names one. Any of it can be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VehicleAttributes {
    /// For example `TESLA`; Smartcar's spelling differs between its answers.
    pub make: Option<String>,
    /// For example `Model 3`.
    pub model: Option<String>,
    /// The model year.
    pub year: Option<u32>,
    /// The kind of powertrain.
    pub powertrain_type: Option<PowertrainType>,
    /// Whether the vehicle is real or simulated.
    pub mode: Option<VehicleMode>,
}

impl VehicleAttributes {
    pub(crate) fn read(fields: &Fields<'_>) -> Self {
        Self {
            make: text(fields, "make"),
            model: text(fields, "model"),
            year: fields.count("year"),
            powertrain_type: fields.text("powertrainType").map(|text| (&*text).into()),
            mode: fields.text("mode").map(|text| (&*text).into()),
        }
    }
}

/// A vehicle: `{id, type: "vehicle", attributes: {…}, links: {self}}`.
#[derive(Clone, Debug)]
pub struct Vehicle {
    /// Stays the same when the owner reconnects.
    pub id: VehicleId,
    /// Make, model and so on.
    pub attributes: VehicleAttributes,
    /// As Smartcar wrote it.
    pub raw: RawJson,
}

impl Vehicle {
    /// The vehicle that an answer about signals tells of in `included.vehicle`,
    /// if it does: it saves a call.
    pub fn included_in(response: &Response) -> Option<Self> {
        let body = readable(&response.body);
        let included = Fields::read(&body).unwrap_or_default().object("included");
        read(included.get("vehicle")?).ok()
    }
}

impl Resource for Vehicle {
    fn read(fields: &Fields<'_>, raw: RawJson) -> Result<Self, InvalidId> {
        Ok(Self {
            id: own_id(fields, VehicleId::parse)?,
            attributes: VehicleAttributes::read(&fields.object("attributes")),
            raw,
        })
    }
}

/// How to read signals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalOptions {
    /// The user on whose behalf they are read.
    pub user: UserId,
    /// The units of numbers; metric where nothing is said.
    pub units: Option<UnitSystem>,
}

impl SignalOptions {
    /// On behalf of `user`, in the units that Smartcar takes by itself.
    pub const fn new(user: UserId) -> Self {
        Self { user, units: None }
    }

    fn apply(&self, call: Call) -> Call {
        let call = call.on_behalf_of(self.user.clone());
        match self.units {
            Some(units) => call.units(units),
            None => call,
        }
    }
}

/// # Vehicles and signals
impl<P: Platform> Client<P> {
    /// Make, model, year, powertrain and mode of a vehicle.
    ///
    /// Source: <https://smartcar.com/docs/api-reference/get-vehicle>
    ///
    /// # Errors
    ///
    /// [`Error::Api`], for example with status 404 for a vehicle that no user
    /// connected, and whatever [`Client::call`] fails with.
    pub async fn get_vehicle(&self, vehicle: &VehicleId) -> Result<ApiResponse<Vehicle>, Error> {
        self.one(&Call::to(&endpoints::GET_VEHICLE, &[vehicle]))
            .await
    }

    /// All signals that Smartcar holds of a vehicle.
    ///
    /// Smartcar reads its own store here, not the car. Without a subscription to
    /// a webhook the store is filled about once a day, and it can be empty: no
    /// signals are no error. A signal that Smartcar failed to fetch fails alone;
    /// see [`Signal::error`].
    ///
    /// Source: <https://smartcar.com/docs/api-reference/list-signals>
    ///
    /// # Errors
    ///
    /// [`Error::Api`] and whatever [`Client::call`] fails with;
    /// [`Error::Unreadable`] for an answer without a list of signals.
    ///
    /// ```no_run
    /// use smartcar::{Client, Error, Platform, SignalOptions, UserId, VehicleId};
    ///
    /// async fn print<P: Platform>(
    ///     client: &Client<P>,
    ///     vehicle: &VehicleId,
    ///     user: UserId,
    /// ) -> Result<(), Error> {
    ///     let answer = client.list_signals(vehicle, &SignalOptions::new(user)).await?;
    ///     for signal in &answer.value.signals {
    ///         println!("{}: {:?}", signal.code, signal.value());
    ///     }
    ///     println!("fetched at {:?}", answer.response.fetched_at());
    ///     Ok(())
    /// }
    /// ```
    pub async fn list_signals(
        &self,
        vehicle: &VehicleId,
        options: &SignalOptions,
    ) -> Result<ApiResponse<Signals>, Error> {
        let call = Call::to(&endpoints::LIST_SIGNALS, &[vehicle]);
        let response = self.succeed(&options.apply(call)).await?;
        match Signals::from_answer(&response.body) {
            Ok(value) => Ok(ApiResponse { value, response }),
            Err(error) => Err(unreadable(&response, error.to_string())),
        }
    }

    /// One signal of a vehicle.
    ///
    /// Source: <https://smartcar.com/docs/api-reference/get-signal>
    ///
    /// # Errors
    ///
    /// [`Error::Api`], with status 404 for a signal that Smartcar does not hold,
    /// and whatever [`Client::call`] fails with; [`Error::Unreadable`] for an
    /// answer without a signal.
    pub async fn get_signal(
        &self,
        vehicle: &VehicleId,
        signal: &SignalCode,
        options: &SignalOptions,
    ) -> Result<ApiResponse<Signal>, Error> {
        let call = Call::to(&endpoints::GET_SIGNAL, &[vehicle, signal]);
        let response = self.succeed(&options.apply(call)).await?;
        let signals = Signals::from_answer(&response.body).unwrap_or_default();
        match signals.signals.into_iter().next() {
            Some(value) => Ok(ApiResponse { value, response }),
            None => Err(unreadable(&response, "data is not a signal".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests;
