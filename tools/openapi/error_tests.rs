//! Every error that an operation answers with has its status in the description.

use super::tests::{operations, served};
use edge::respond::Code;
use http::Method;
use routes::{Open, Own, Route, find};

/// Who answers an operation: the gateway by a route, or the receiver.
#[derive(Clone, Copy)]
enum Operation {
    /// Something of Smartcar's.
    Smartcar {
        is_change: bool,
        is_of_vehicle: bool,
        is_signal: bool,
    },
    /// Something of ours, with a key.
    Own(Own),
    /// Something of ours, without a key.
    Open(Open),
    /// What Smartcar posts to the receiver.
    Delivery,
}

impl Operation {
    fn of(method: &Method, path: &str) -> Self {
        if path == "/webhooks" {
            return Self::Delivery;
        }
        match find(method, &path.replace(['{', '}'], "")).unwrap().0 {
            Route::Own(own) => Self::Own(own),
            Route::Open(open) => Self::Open(open),
            Route::Smartcar(endpoint) | Route::Unlisted(endpoint) => Self::Smartcar {
                is_change: endpoint.method != Method::GET,
                is_of_vehicle: path.starts_with("/v3/vehicles/{vehicleId}"),
                is_signal: path.starts_with("/v3/vehicles/{vehicleId}/signals"),
            },
        }
    }

    fn is(self, own: Own) -> bool {
        matches!(self, Self::Own(this) if this == own)
    }

    fn is_open_as(self, open: Open) -> bool {
        matches!(self, Self::Open(this) if this == open)
    }

    fn is_of_smartcar(self) -> bool {
        matches!(self, Self::Smartcar { .. })
    }

    fn is_change(self) -> bool {
        matches!(self, Self::Smartcar { is_change, .. } if is_change)
    }

    fn is_of_vehicle(self) -> bool {
        matches!(self, Self::Smartcar { is_of_vehicle, .. } if is_of_vehicle)
    }

    fn is_signal(self) -> bool {
        matches!(self, Self::Smartcar { is_signal, .. } if is_signal)
    }

    /// Whether anyone may ask for it, and nothing is looked up.
    fn is_open(self) -> bool {
        self.is_open_as(Open::OpenApi) || self.is_open_as(Open::Health)
    }

    /// Whether a key is read where one is sent.
    fn reads_key(self) -> bool {
        let is_delivery = matches!(self, Self::Delivery);
        let is_open = [Open::ConnectCallback, Open::Cron];
        !is_delivery && !self.is_open() && !is_open.iter().any(|open| self.is_open_as(*open))
    }

    /// Whether the error can be its answer.
    fn answers(self, code: Code) -> bool {
        let is_delivery = matches!(self, Self::Delivery);
        match code {
            Code::BodyIncomplete | Code::BodyTooLarge => true,
            Code::InvalidInput => !is_delivery,
            Code::InvalidChallenge
            | Code::SignatureMissing
            | Code::SignatureRepeated
            | Code::SignatureMalformed
            | Code::SignatureMismatch
            | Code::NotADelivery
            | Code::StaleDelivery => is_delivery,
            Code::Unauthorized => self.reads_key(),
            // What became of a command is not found by a key that may not see it.
            Code::MissingScope => {
                self.reads_key() && !self.is(Own::Action) && !self.is(Own::Myself)
            }
            Code::VehicleNotAllowed => {
                self.is_of_vehicle() || self.is_open_as(Open::ConnectReauthenticate)
            }
            Code::MissingUserId
            | Code::VehicleNotFound
            | Code::TooManyLookups
            | Code::VehicleCeiling => self.is_of_vehicle(),
            Code::UserNotAllowed => {
                self.is_of_smartcar() || self.is_open_as(Open::ConnectReauthenticate)
            }
            Code::RateLimited
            | Code::SmartcarUnreachable
            | Code::UnreadableAnswer
            | Code::CredentialsRefused
            | Code::TokenUnavailable => self.is_of_smartcar(),
            Code::KeyRestricted => {
                let about_all = [
                    Own::Audit,
                    Own::DeadLetters,
                    Own::ReplayDeadLetter,
                    Own::ReplayDeadLetters,
                ];
                self.is_of_smartcar() || about_all.into_iter().any(|own| self.is(own))
            }
            Code::MissingIdempotencyKey
            | Code::CommandInProgress
            | Code::RequestInProgress
            | Code::IdempotencyKeyReused
            | Code::OutcomeUnknown
            | Code::SmartcarRefused => self.is_change(),
            Code::ActionNotFound => self.is(Own::Action),
            Code::DeadLetterNotFound => self.is(Own::ReplayDeadLetter),
            Code::NotStored => self.is_signal(),
            Code::RelayUnreachable => self.is(Own::Run),
            Code::NoRandomness => {
                self.is_open_as(Open::ConnectStart) || self.is_open_as(Open::ConnectReauthenticate)
            }
            Code::InvalidState | Code::ConnectBusy | Code::ConnectIncomplete => {
                self.is_open_as(Open::ConnectCallback)
            }
            Code::NotConfigured | Code::StoreUnavailable => !self.is_open(),
            // It is there if the operator says so.
            Code::PathNotFound => self.is_open_as(Open::Cron),
            // What is described is there.
            Code::MethodNotAllowed => false,
        }
    }
}

/// Every operation with the statuses of the errors that it is described with.
fn described() -> Vec<(String, Operation, Vec<String>)> {
    let document = served();
    let operations = operations(&document).into_iter();
    let described = operations.map(|(method, path, operation)| {
        let responses = operation["responses"].as_object().unwrap();
        let errors = responses
            .keys()
            .filter(|status| status.starts_with(['4', '5']));
        let errors = errors.cloned().collect();
        (
            format!("{method} {path}"),
            Operation::of(&method, &path),
            errors,
        )
    });
    described.collect()
}

#[test]
fn error_has_its_status_in_each_operation_that_answers_with_it() {
    let described = described();
    for code in Code::ALL {
        let status = code.status();
        let answering = described
            .iter()
            .filter(|(_, operation, _)| operation.answers(*code));
        let mut operations = 0;
        for (name, _, errors) in answering {
            let is_there = errors.iter().any(|error| error == status.as_str());
            assert!(is_there, "{name} does not say {status} for {code}");
            operations += 1;
        }
        let is_of_none = *code == Code::MethodNotAllowed;
        assert_eq!(operations == 0, is_of_none, "{code}");
    }
}

#[test]
fn error_status_of_our_own_operations_has_a_code() {
    for (name, operation, errors) in described() {
        if operation.is_of_smartcar() {
            continue;
        }
        for status in errors {
            let is_given = Code::ALL
                .iter()
                .any(|code| code.status().as_str() == status && operation.answers(*code));
            assert!(is_given, "{name} has no error with {status}");
        }
    }
}
