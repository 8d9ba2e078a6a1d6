//! An examination as it is kept and shown.

use crate::{
    access::callers::Caller,
    own::doctor::{
        finding::{Finding, Found},
        reconciliation::Missing,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use smartcar::{Timestamp, VehicleId, write_time};
use store::examination::Examination;

/// The version of what is kept. What another one has kept is not read.
const VERSION: u8 = 1;

/// What an examination found.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// How many calls it took.
    pub(crate) calls: u32,
    /// The webhook that is meant, where one is known.
    pub(crate) webhook: Option<WebhookSeen>,
    /// How many connections there are; none where not all were listed.
    pub(crate) connections: Option<usize>,
    /// How many subscriptions to the webhook there are; none where not all were listed.
    pub(crate) subscriptions: Option<usize>,
    /// What is stored and was not listed.
    pub(crate) missing: Vec<Missing>,
    /// How many accesses were forgotten.
    pub(crate) forgotten: usize,
    pub(crate) findings: Vec<Found>,
}

/// A report as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept<R> {
    version: u8,
    report: R,
}

/// A webhook as Smartcar has it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WebhookSeen {
    pub(crate) id: String,
    /// Where it delivers to, without what can be secret.
    pub(crate) origin: Option<String>,
}

/// An examination that has ended, or that there has been none.
#[derive(Debug, Default)]
pub(crate) struct Examined {
    ran_at: Option<Timestamp>,
    report: Report,
}

impl Examined {
    pub(crate) fn new(ran_at: Timestamp, report: Report) -> Self {
        let ran_at = Some(ran_at);
        Self { ran_at, report }
    }

    /// What was kept, where this version can read it.
    pub(crate) fn read(kept: &Examination) -> Option<Self> {
        let known: Kept<Report> = serde_json::from_str(&kept.report).ok()?;
        (known.version == VERSION).then(|| Self::new(kept.ran_at, known.report))
    }

    /// As it is kept.
    pub(crate) fn write(&self) -> Examination {
        let kept = Kept {
            version: VERSION,
            report: &self.report,
        };
        Examination {
            ran_at: self.ran_at.unwrap_or(Timestamp(0)),
            report: json!(kept).to_string(),
        }
    }

    /// How many calls it took.
    pub(crate) fn calls(&self) -> u32 {
        self.report.calls
    }

    /// What was stored and not listed.
    pub(crate) fn into_missing(self) -> Vec<Missing> {
        self.report.missing
    }

    /// All of it, with what is known `before` any call. Vehicles are named to a key that is
    /// for every user and for them: whose a vehicle is, a finding does not say.
    pub(crate) fn show(&self, before: &[Finding], caller: &Caller) -> Value {
        let is_shown = |id: &String| {
            let vehicle = VehicleId::parse(id);
            let is_for = vehicle.is_ok_and(|vehicle| caller.require_vehicle(&vehicle).is_ok());
            caller.is_for_all_users() && is_for
        };
        let findings = self.findings(before).map(|mut found| {
            found.details.vehicle_ids.retain(is_shown);
            found.show()
        });
        let webhook = self.report.webhook.as_ref();
        json!({
            "ranAt": self.ran_at.and_then(write_time),
            "calls": self.report.calls,
            "webhook": webhook.map(|seen| json!({"id": seen.id, "origin": seen.origin})),
            "connections": self.report.connections,
            "subscriptions": self.report.subscriptions,
            "forgotten": self.report.forgotten,
            "findings": findings.collect::<Value>(),
        })
    }

    /// When it was, and what is wrong in a sentence each.
    pub(crate) fn summary(&self, before: &[Finding]) -> Value {
        let findings = self.findings(before).map(
            |found| json!({"code": found.finding.code(), "sentence": found.finding.sentence()}),
        );
        json!({
            "ranAt": self.ran_at.and_then(write_time),
            "findings": findings.collect::<Value>(),
        })
    }

    fn findings(&self, before: &[Finding]) -> impl Iterator<Item = Found> {
        let before = before.iter().copied().map(Found::from);
        before.chain(self.report.findings.iter().cloned())
    }
}
