//! What the manifest grants to a component, with its templates filled in.

use crate::{
    allowed_hosts::{AllowedHosts, is_empty_resolution},
    manifest::Manifest,
    variables::{Variables, is_template},
};
use anyhow::{Context as _, Result};
use std::collections::{HashMap, HashSet};

pub(crate) struct Grants {
    pub(crate) id: String,
    pub(crate) variables: HashMap<String, String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) allowed_hosts: AllowedHosts,
    pub(crate) key_value_stores: HashSet<String>,
    pub(crate) sqlite_databases: HashSet<String>,
}

impl Grants {
    /// The grants of the component of that id.
    pub(crate) fn resolve(manifest: &Manifest, id: &str, variables: &Variables) -> Result<Self> {
        let component = manifest.component(id)?;
        let own_variables = component
            .variables
            .iter()
            .map(|(name, template)| Ok((name.clone(), variables.fill_in(template)?)))
            .collect::<Result<_>>()
            .with_context(|| format!("failed to resolve component.{id}.variables"))?;
        Ok(Self {
            id: id.to_owned(),
            variables: own_variables,
            environment: component.environment.clone().into_iter().collect(),
            allowed_hosts: allowed_hosts(&component.allowed_outbound_hosts, variables)
                .with_context(|| format!("failed to use component.{id}.allowed_outbound_hosts"))?,
            key_value_stores: component.key_value_stores.iter().cloned().collect(),
            sqlite_databases: component.sqlite_databases.iter().cloned().collect(),
        })
    }
}

fn allowed_hosts(templates: &[String], variables: &Variables) -> Result<AllowedHosts> {
    let mut hosts = AllowedHosts::default();
    for template in templates {
        let entry = variables.fill_in(template)?;
        if is_template(template) && is_empty_resolution(&entry) {
            continue;
        }
        // The message shows the template: what it resolves to may be secret.
        hosts.add(&entry).with_context(|| format!("{template:?}"))?;
    }
    Ok(hosts)
}
