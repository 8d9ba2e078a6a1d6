//! The variables that configure an application for Smartcar's double.

use sha2::{Digest, Sha256};

/// The double's own credentials and origins, as `spin.toml` names the variables.
pub(crate) fn for_simulator(origin: &str) -> Vec<(&'static str, String)> {
    let origins = [
        "SMARTCAR_IAM_ORIGIN",
        "SMARTCAR_VEHICLE_ORIGIN",
        "SMARTCAR_MANAGEMENT_ORIGIN",
        "SMARTCAR_COMPATIBILITY_ORIGIN",
    ];
    let mut variables: Vec<_> = origins.map(|name| (name, origin.to_owned())).into();
    variables.extend(
        [
            ("SMARTCAR_CLIENT_ID", simulator::CLIENT_ID),
            ("SMARTCAR_CLIENT_SECRET", simulator::CLIENT_SECRET),
            ("MANAGEMENT_TOKENS", simulator::MANAGEMENT_TOKEN),
        ]
        .map(|(name, value)| (name, value.to_owned())),
    );
    variables
}

/// Those and the variables of Smartcar Connect.
pub(crate) fn with_connect(origin: &str, app: &str) -> Vec<(&'static str, String)> {
    let mut variables = for_simulator(origin);
    variables.extend([
        ("SMARTCAR_CONNECT_ORIGIN", origin.to_owned()),
        ("SMARTCAR_APPLICATION_ID", simulator::APPLICATION.to_owned()),
        ("CONNECT_REDIRECT_URI", format!("{app}/connect/callback")),
    ]);
    variables
}

/// The environment of an application that is tried out in front of the double, with a key
/// that may do everything.
pub fn try_out(origin: &str, app: &str, key: &str) -> Vec<(String, String)> {
    let hash = hex::encode(Sha256::digest(key));
    let keys = format!(r#"[{{"name":"{key}","sha256":"{hash}","scopes":["*"]}}]"#);
    let mut variables = with_connect(origin, app);
    variables.extend([
        ("WEBHOOK_ID", simulator::WEBHOOK.to_owned()),
        ("API_KEYS", keys),
        // Requests to the double are counted, for whoever tries it out.
        ("DOCTOR", "false".to_owned()),
    ]);
    let named = |(name, value)| (format!("SPIN_VARIABLE_{name}"), value);
    variables.into_iter().map(named).collect()
}
