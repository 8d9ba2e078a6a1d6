//! The resources of Kubernetes and SpinKube, as far as `deploy/kubernetes` uses
//! them. A field that is not here is refused, and one that the resource has to
//! have is missed.
//!
//! Sources: <https://github.com/spinframework/spin-operator/blob/943f5b1732b185f0f442c0fd813cf0ebf6839eca/config/crd/bases/core.spinkube.dev_spinapps.yaml>,
//! <https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/cron-job-v1/>,
//! <https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/secret-v1/>.
#![allow(dead_code, reason = "much is read for its shape alone")]

use serde::Deserialize;
use std::collections::BTreeMap;

/// A resource, by its kind.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum Resource {
    SpinApp(Whole<SpinApp>),
    CronJob(Whole<CronJob>),
    Secret(Box<Secret>),
}

/// What has a `spec`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Whole<T> {
    pub(crate) api_version: String,
    pub(crate) metadata: Metadata,
    pub(crate) spec: T,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Metadata {
    pub(crate) name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Secret {
    pub(crate) api_version: String,
    pub(crate) metadata: Metadata,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) string_data: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SpinApp {
    pub(crate) image: String,
    pub(crate) executor: String,
    pub(crate) replicas: u32,
    pub(crate) runtime_config: SpinRuntimeConfig,
    pub(crate) checks: Checks,
    pub(crate) resources: Resources,
    pub(crate) invocation_limits: BTreeMap<String, String>,
    pub(crate) variables: Vec<Variable>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SpinRuntimeConfig {
    pub(crate) load_from_secret: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Checks {
    pub(crate) readiness: Probe,
    pub(crate) liveness: Probe,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Probe {
    pub(crate) initial_delay_seconds: u32,
    pub(crate) period_seconds: u32,
    pub(crate) timeout_seconds: u32,
    pub(crate) failure_threshold: Option<u32>,
    pub(crate) http_get: HttpGet,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HttpGet {
    pub(crate) path: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Resources {
    pub(crate) requests: BTreeMap<String, String>,
    pub(crate) limits: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) value: Option<String>,
    pub(crate) value_from: Option<ValueFrom>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ValueFrom {
    pub(crate) secret_key_ref: SecretKeyRef,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretKeyRef {
    pub(crate) name: String,
    pub(crate) key: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CronJob {
    pub(crate) schedule: String,
    pub(crate) concurrency_policy: String,
    pub(crate) starting_deadline_seconds: u32,
    pub(crate) successful_jobs_history_limit: u32,
    pub(crate) failed_jobs_history_limit: u32,
    pub(crate) job_template: JobTemplate,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JobTemplate {
    pub(crate) spec: Job,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Job {
    pub(crate) backoff_limit: u32,
    pub(crate) active_deadline_seconds: u32,
    pub(crate) template: PodTemplate,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PodTemplate {
    pub(crate) spec: Pod,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Pod {
    pub(crate) restart_policy: String,
    pub(crate) automount_service_account_token: bool,
    pub(crate) containers: Vec<Container>,
    pub(crate) volumes: Vec<Volume>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) image: String,
    pub(crate) args: Vec<String>,
    pub(crate) resources: Resources,
    pub(crate) security_context: SecurityContext,
    pub(crate) volume_mounts: Vec<VolumeMount>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SecurityContext {
    pub(crate) allow_privilege_escalation: bool,
    pub(crate) read_only_root_filesystem: bool,
    pub(crate) run_as_non_root: bool,
    pub(crate) run_as_user: u32,
    pub(crate) capabilities: Capabilities,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Capabilities {
    pub(crate) drop: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct VolumeMount {
    pub(crate) name: String,
    pub(crate) mount_path: String,
    pub(crate) read_only: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Volume {
    pub(crate) name: String,
    pub(crate) secret: SecretVolume,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SecretVolume {
    pub(crate) secret_name: String,
}

/// The resources of a file.
pub(crate) fn parse(yaml: &str) -> Result<Vec<Resource>, serde_saphyr::Error> {
    serde_saphyr::from_multiple(yaml)
}
