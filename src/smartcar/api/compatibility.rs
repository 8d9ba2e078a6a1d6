//! Which vehicles Smartcar supports.
//!
//! Source: <https://smartcar.com/docs/api-reference/compatible-vehicles>

use crate::{
    ApiResponse, Call, Client, Error, InvalidId, Page, PageRequest, Platform, PowertrainType,
    RawJson,
    api::{
        answer::{Resource, text},
        page::filter,
    },
    endpoints,
    fields::Fields,
    open_set::open_set,
};

open_set! {
    /// A part of the world that Smartcar supports.
    Region {
        /// The United States.
        UnitedStates = "US",
        /// Canada.
        Canada = "CA",
        /// Europe.
        Europe = "EUROPE",
    }
}

/// A model that Smartcar supports, in a region. Smartcar's reference tells little
/// of its shape; the fields are those that users of the API read, and any of them
/// can be missing. What it can do stands in `attributes.capabilities` of
/// [`raw`](Self::raw).
#[derive(Clone, Debug)]
pub struct CompatibleVehicle {
    /// For example `TESLA`.
    pub make: Option<String>,
    /// For example `Model 3`.
    pub model: Option<String>,
    /// The first model year.
    pub first_year: Option<u32>,
    /// The last model year.
    pub last_year: Option<u32>,
    /// The kind of powertrain.
    pub powertrain_type: Option<PowertrainType>,
    /// The region in which the model is supported.
    pub region: Option<Region>,
    /// As Smartcar wrote it.
    pub raw: RawJson,
}

impl Resource for CompatibleVehicle {
    fn read(fields: &Fields<'_>, raw: RawJson) -> Result<Self, InvalidId> {
        let attributes = fields.object("attributes");
        let years = attributes.object("years");
        let powertrain_type = attributes.text("powertrainType");
        Ok(Self {
            make: text(&attributes, "make"),
            model: text(&attributes, "model"),
            first_year: years.count("start"),
            last_year: years.count("end"),
            powertrain_type: powertrain_type.map(|text| (&*text).into()),
            region: attributes.text("region").map(|text| (&*text).into()),
            raw,
        })
    }
}

/// Which models to list; by default all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompatibilityFilter {
    /// Only models that are supported in this region.
    pub region: Option<Region>,
    /// Only models of this make, for example `TESLA`.
    pub make: Option<String>,
    /// Only models with this powertrain.
    pub powertrain_type: Option<PowertrainType>,
}

impl CompatibilityFilter {
    fn call(&self) -> Call {
        let region = self.region.as_ref().map(Region::as_str);
        let powertrain_type = self.powertrain_type.as_ref().map(PowertrainType::as_str);
        let mut call = Call::to(&endpoints::LIST_COMPATIBLE_VEHICLES, &[]);
        call = filter(call, "filter[region]", region);
        call = filter(call, "filter[make]", self.make.as_deref());
        filter(call, "filter[powertrainType]", powertrain_type)
    }
}

/// # Compatibility
impl<P: Platform> Client<P> {
    /// The models that Smartcar supports. Takes no token. Smartcar asks to keep
    /// the answer for 24 hours, which is left to the caller.
    ///
    /// No paging is documented; [`Page::is_last`] says whether that holds.
    ///
    /// Source: <https://smartcar.com/docs/api-reference/compatible-vehicles>
    ///
    /// # Errors
    ///
    /// [`Error::Api`] and whatever [`Client::call`] fails with, apart from
    /// [`Error::Token`]; [`Error::Unreadable`] for an answer without a list.
    ///
    /// ```no_run
    /// use smartcar::{Client, CompatibilityFilter, Error, Platform, Region};
    ///
    /// async fn print<P: Platform>(client: &Client<P>) -> Result<(), Error> {
    ///     let european = CompatibilityFilter { region: Some(Region::Europe), ..Default::default() };
    ///     for vehicle in client.list_compatible_vehicles(&european).await?.value.items {
    ///         println!("{:?} {:?}", vehicle.make, vehicle.model);
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub async fn list_compatible_vehicles(
        &self,
        filter: &CompatibilityFilter,
    ) -> Result<ApiResponse<Page<CompatibleVehicle>>, Error> {
        self.list(&filter.call(), PageRequest::default()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fake, client};

    const PATH: &str = "/v3/compatible-vehicles";

    #[test]
    fn compatible_vehicles_are_listed_without_a_token() {
        let fake = Fake::new();
        fake.answer(
            PATH,
            200,
            r#"{"data":[{"id":"m-1","type":"compatible-vehicle","attributes":{"make":"POLESTAR",
                "model":"2","years":{"start":2021,"end":2026},"powertrainType":"BEV","region":"EUROPE",
                "capabilities":[{"type":"signal","code":"charge-voltage"}]}},7],
                "meta":{"totalCount":2}}"#,
        );
        let filter = CompatibilityFilter {
            region: Some(Region::Europe),
            make: Some("LYNK & CO".into()),
            powertrain_type: Some(PowertrainType::Bev),
        };
        let answer = fake.run(client(&fake).list_compatible_vehicles(&filter));
        let page = answer.unwrap().value;
        let vehicle = &page.items[0];
        assert_eq!(vehicle.make.as_deref(), Some("POLESTAR"));
        assert_eq!(
            (vehicle.first_year, vehicle.last_year),
            (Some(2021), Some(2026))
        );
        assert_eq!(vehicle.powertrain_type, Some(PowertrainType::Bev));
        assert_eq!(vehicle.region, Some(Region::Europe));
        assert!(vehicle.raw.as_str().contains("charge-voltage"));
        assert_eq!(
            (page.unreadable[0].index, page.total, page.is_last),
            (1, Some(2), true)
        );
        let requests = fake.requests();
        assert_eq!(requests.len(), 1);
        assert_eq!(
            requests[0].uri().to_string(),
            "https://compatibility.example.com/v3/compatible-vehicles?filter%5Bregion%5D=EUROPE\
             &filter%5Bmake%5D=LYNK+%26+CO&filter%5BpowertrainType%5D=BEV"
        );
        assert!(requests[0].headers().get("authorization").is_none());
    }

    #[test]
    fn answer_without_a_list_is_unreadable() {
        for body in ["", "<html>", r#"{"data":{}}"#, "[]"] {
            let fake = Fake::new();
            fake.answer(PATH, 200, body);
            let filter = CompatibilityFilter::default();
            let answer = fake.run(client(&fake).list_compatible_vehicles(&filter));
            assert!(matches!(answer, Err(Error::Unreadable { .. })), "{body}");
        }
    }
}
