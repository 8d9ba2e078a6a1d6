//! Where a component's calls of Spin's interfaces arrive.

use crate::guest::GuestParts;
use wasmtime::component::HasData;

/// Implements every interface, on the parts of the guest that calls.
pub(crate) struct Calls;

impl HasData for Calls {
    type Data<'a> = GuestParts<'a>;
}
