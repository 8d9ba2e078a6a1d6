//! `spin:variables`, on the variables that the component's grants hold.

use super::calls::Calls;
use crate::{
    bindings::spin::variables::variables::{Error, Host, HostWithStore},
    guest::{Guest, GuestParts},
    variables::check_name,
};
use wasmtime::component::Accessor;

impl Host for GuestParts<'_> {}

impl HostWithStore<Guest> for Calls {
    async fn get(
        accessor: &Accessor<Guest, Self>,
        name: String,
    ) -> wasmtime::Result<Result<String, Error>> {
        let grants = accessor.with(|mut access| access.get().grants.clone());
        if let Err(error) = check_name(&name) {
            return Ok(Err(Error::InvalidName(error.to_string())));
        }
        Ok(grants
            .variables
            .get(&name)
            .cloned()
            .ok_or_else(|| Error::Undefined(format!("no variable for {:?}.{name:?}", grants.id))))
    }
}
