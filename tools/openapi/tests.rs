use super::document::document;
use boon::{Compiler, Schemas};
use http::Method;
use routes::{Route, find};
use serde_json::{Map, Value};
use std::{collections::BTreeSet, path::Path};

/// The document that is committed, and served.
pub(super) fn served() -> Value {
    serde_json::from_str(include_str!("../../src/gateway/openapi.json")).unwrap()
}

/// Every operation: its method, its path, and itself.
pub(super) fn operations(document: &Value) -> Vec<(Method, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(|(method, operation)| {
            let method = method.to_uppercase().parse().unwrap();
            (method, path.clone(), operation.clone())
        })
    });
    operations.collect()
}

#[test]
fn document_is_what_the_routes_give() {
    assert!(
        served() == document(),
        "src/gateway/openapi.json is not what the routes give: `make openapi` writes it"
    );
}

#[test]
fn document_is_openapi_3_1() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    let schema = std::fs::read(folder.join("openapi-3.1.schema.json")).unwrap();
    let schema = serde_json::from_slice(&schema).unwrap();
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource("openapi", schema).unwrap();
    let schema = compiler.compile("openapi", &mut schemas).unwrap();
    if let Err(error) = schemas.validate(&document(), schema) {
        panic!("{error:#}");
    }
}

#[test]
fn document_schemas_are_valid() {
    let document = document();
    let names = document["components"]["schemas"].as_object().unwrap();
    for name in names.keys() {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource("openapi", document.clone()).unwrap();
        let place = format!("openapi#/components/schemas/{name}");
        compiler.compile(&place, &mut schemas).unwrap();
    }
}

#[test]
fn document_and_routes_have_the_same_operations() {
    let document = served();
    let described: BTreeSet<(String, String)> = operations(&document)
        .into_iter()
        .map(|(method, path, _)| (method.to_string(), path))
        .collect();
    let smartcar = routes::smartcar_endpoints()
        .map(|endpoint| (endpoint.method.to_string(), endpoint.path.to_owned()));
    let own = routes::OWN
        .iter()
        .map(|(method, path, _)| (method.to_string(), (*path).to_owned()));
    let receiver_s = ("POST".to_owned(), "/webhooks".to_owned());
    let routes: BTreeSet<_> = smartcar.chain(own).chain([receiver_s]).collect();
    assert_eq!(described, routes);
}

#[test]
fn document_says_which_operations_take_no_key() {
    let document = served();
    for (method, path, operation) in operations(&document) {
        let takes_none = operation["security"].as_array().is_some_and(|security| {
            security.is_empty() || security.contains(&Value::Object(Map::new()))
        });
        if path == "/webhooks" {
            assert!(takes_none);
            continue;
        }
        let (route, _) = find(&method, &path.replace(['{', '}'], "")).unwrap();
        let is_open = matches!(route, Route::Open(_));
        assert_eq!(takes_none, is_open, "{method} {path}");
    }
}

/// Every value of the member `name`, however deep.
fn members<'a>(value: &'a Value, name: &str) -> Vec<&'a Value> {
    match value {
        Value::Object(members_of) => {
            let here = members_of.get(name).filter(|value| value.is_string());
            let below = members_of.values().flat_map(|value| members(value, name));
            here.into_iter().chain(below).collect()
        }
        Value::Array(items) => items.iter().flat_map(|item| members(item, name)).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn document_references_lead_somewhere_and_components_are_used() {
    let document = served();
    let mut used = BTreeSet::new();
    for reference in members(&document, "$ref") {
        let place = reference.as_str().unwrap().strip_prefix('#').unwrap();
        assert!(document.pointer(place).is_some(), "{place}");
        used.insert(place.to_owned());
    }
    for kind in ["schemas", "parameters", "headers", "responses"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            let place = format!("/components/{kind}/{name}");
            assert!(used.contains(&place), "{place} is not used");
        }
    }
}

#[test]
fn operation_has_a_name_of_its_own_and_the_parameters_of_its_path() {
    let document = served();
    let mut names = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let name = operation["operationId"].as_str().unwrap();
        assert!(names.insert(name.to_owned()), "{name}");
        let parameters = operation["parameters"].as_array().cloned();
        let parameters: Vec<Value> = parameters
            .unwrap_or_default()
            .iter()
            .map(|parameter| match parameter["$ref"].as_str() {
                Some(place) => document.pointer(&place[1..]).unwrap().clone(),
                None => parameter.clone(),
            })
            .collect();
        let in_path = parameters
            .iter()
            .filter(|parameter| parameter["in"] == "path");
        let in_path: Vec<String> = in_path
            .map(|parameter| format!("{{{}}}", parameter["name"].as_str().unwrap()))
            .collect();
        let named = path.split('/').filter(|part| part.starts_with('{'));
        assert_eq!(in_path, named.collect::<Vec<_>>(), "{method} {path}");
    }
    for name in ["securityLock", "listConnections", "getVehicle", "getSignal"] {
        assert!(names.contains(name), "{name} is not among {names:?}");
    }
}
