//! What an instance keeps between calls: the client with its token. A cache only.

use crate::wit::types::Error;
use edge::{Host, OnceCell, key_value};
use smartcar::Client;

/// What spin.toml has to say, for who reads the error.
const INHERIT: &str = "the component that imports smartcar:edge needs the variables \
     smartcar_client_id, smartcar_client_secret and smartcar_iam_origin, _vehicle_origin, \
     _management_origin, _compatibility_origin, the key-value store default and Smartcar's hosts, \
     and its dependency inherit_configuration = [\"key_value_stores\", \
     \"allowed_outbound_hosts\", \"variables\"]";

static CLIENT: OnceCell<Client<Host>> = OnceCell::new();

/// The client of this instance, set up by its first call.
pub(crate) async fn client() -> Result<&'static Client<Host>, Error> {
    CLIENT.get_or_try_init(&Host, set_up).await
}

async fn set_up() -> Result<Client<Host>, Error> {
    let client = edge::client::from_variables(Host, None)
        .await
        .map_err(|error| Error::NoToken(format!("{error}: {INHERIT}")))?;
    key_value::granted()
        .await
        .map_err(|error| Error::NoToken(format!("{error}: {INHERIT}")))?;
    Ok(client)
}
