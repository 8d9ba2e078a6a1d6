//! `GET /v3/compatible-vehicles`, which takes no token.
//! <https://smartcar.com/docs/api-reference/compatible-vehicles>

use crate::{
    catalogue::{self, Kind},
    page::Query,
    refusal::Refusal,
};
use axum::Json;
use http::Uri;
use serde_json::{Value, json};

const REGIONS: [&str; 3] = ["US", "CA", "EUROPE"];
const POWERTRAIN_TYPES: [&str; 4] = ["BEV", "HEV", "ICE", "PHEV"];

/// A model in a region.
struct Model {
    region: &'static str,
    make: &'static str,
    model: &'static str,
    years: (u16, u16),
    powertrain: &'static str,
}

/// The makes and models exist; that Smartcar supports them is made up.
const MODELS: [Model; 8] = [
    model("US", "TESLA", "Model 3", (2018, 2026), "BEV"),
    model("CA", "TESLA", "Model 3", (2019, 2026), "BEV"),
    model("EUROPE", "VOLVO", "EX30", (2024, 2026), "BEV"),
    model("EUROPE", "KIA", "Niro EV", (2022, 2026), "BEV"),
    model("EUROPE", "FORD", "Puma", (2020, 2025), "ICE"),
    model("US", "FORD", "F-150", (2021, 2026), "ICE"),
    model("US", "TOYOTA", "RAV4 Prime", (2021, 2024), "PHEV"),
    model("CA", "TOYOTA", "Corolla Hybrid", (2023, 2026), "HEV"),
];

const fn model(
    region: &'static str,
    make: &'static str,
    model: &'static str,
    years: (u16, u16),
    powertrain: &'static str,
) -> Model {
    Model {
        region,
        make,
        model,
        years,
        powertrain,
    }
}

/// All of it on one page.
pub(crate) async fn vehicles(uri: Uri) -> Result<Json<Value>, Refusal> {
    let query = Query::of(&uri);
    let region = one_of(&query, "filter[region]", &REGIONS)?;
    let powertrain = one_of(&query, "filter[powertrainType]", &POWERTRAIN_TYPES)?;
    let make = query.text("filter[make]");
    let data: Vec<Value> = MODELS
        .iter()
        .filter(|m| region.as_ref().is_none_or(|wanted| wanted == m.region))
        .filter(|m| powertrain.as_ref().is_none_or(|p| p == m.powertrain))
        .filter(|m| make.as_ref().is_none_or(|w| w.eq_ignore_ascii_case(m.make)))
        .map(resource)
        .collect();
    let meta = json!({ "totalCount": data.len() });
    Ok(Json(json!({ "data": data, "meta": meta })))
}

/// A value that no row can have is refused: an empty list would hide the mistake.
fn one_of(query: &Query, name: &str, values: &[&str]) -> Result<Option<String>, Refusal> {
    let given = query.text(name);
    match &given {
        Some(value) if !values.contains(&value.as_str()) => Err(Refusal::invalid_input(format!(
            "{name} must be one of {}",
            values.join(", ")
        ))),
        _ => Ok(given),
    }
}

fn resource(model: &Model) -> Value {
    let (first, last) = model.years;
    let id = format!("{}-{}-{}", model.make, model.model, model.region);
    let energy = match model.powertrain {
        "BEV" => catalogue::STATE_OF_CHARGE,
        _ => catalogue::FUEL_LEVEL,
    };
    let capability = |kind: Kind| json!({ "type": "signal", "code": kind.code });
    json!({
        "id": id.to_lowercase().replace(' ', "-"),
        "type": "compatible-vehicle",
        "attributes": {
            "make": model.make,
            "model": model.model,
            "years": { "start": first, "end": last },
            "powertrainType": model.powertrain,
            "region": model.region,
            "capabilities": [capability(catalogue::ODOMETER), capability(energy)],
        },
    })
}
