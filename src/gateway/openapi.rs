//! The description of this API, for whoever wants to read it or to generate a
//! client from it.
//!
//! `make openapi` writes openapi.json, from the routes and the table of Smartcar's
//! endpoints. It is not made at run time: the code for that would weigh more.

/// OpenAPI 3.1, as build.rs packed it.
static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/openapi.lz4"));

/// OpenAPI 3.1.
pub(crate) fn text() -> Vec<u8> {
    // What build.rs packed can be unpacked; a test looks.
    lz4_flex::decompress_size_prepended(PACKED).unwrap_or_default()
}

#[cfg(test)]
mod document;
#[cfg(test)]
mod error_tests;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod parameters;
#[cfg(test)]
mod responses;
#[cfg(test)]
mod schemas;
#[cfg(test)]
mod tests;
