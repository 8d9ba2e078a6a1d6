//! `allowed_outbound_hosts`: which URLs a component may call, in Spin's grammar
//! `scheme://host[:port]` (<https://spinframework.dev/v3/http-outbound>).

use anyhow::{Context as _, Result, bail, ensure};
use std::net::IpAddr;

const CHAINING_SUFFIX: &str = ".spin.internal";

/// What one component may call.
#[derive(Debug, Default)]
pub(crate) struct AllowedHosts(Vec<AllowedHost>);

#[derive(Debug, Clone, PartialEq)]
struct AllowedHost {
    /// `None` is any scheme.
    scheme: Option<String>,
    host: Host,
    ports: Ports,
}

#[derive(Debug, Clone, PartialEq)]
enum Host {
    Any,
    /// `self`: this application, by relative URLs or `http://self.alt`.
    Application,
    /// `*.example.com`, kept as `.example.com`.
    Subdomains(String),
    Name(String),
    Address(IpAddr),
    Network(IpAddr, u8),
}

#[derive(Debug, Clone, PartialEq)]
enum Ports {
    Any,
    One(u16),
    /// The end is not part of the range.
    Range(u16, u16),
}

impl AllowedHosts {
    /// Parses entries whose templates are already filled in. `components` are
    /// those that `*.spin.internal` stands for.
    pub(crate) fn parse<'a>(
        entries: impl IntoIterator<Item = &'a str>,
        components: &[&str],
    ) -> Result<Self> {
        let mut hosts = Vec::new();
        for entry in entries {
            let allowed = AllowedHost::parse(entry)?;
            if allowed.host == Host::Subdomains(CHAINING_SUFFIX.to_owned()) {
                hosts.extend(components.iter().map(|id| AllowedHost {
                    host: Host::Name(format!("{id}{CHAINING_SUFFIX}")),
                    ..allowed.clone()
                }));
            } else {
                hosts.push(allowed);
            }
        }
        Ok(Self(hosts))
    }

    /// Whether an absolute URL may be called.
    pub(crate) fn allow(&self, scheme: &str, host: &str, port: Option<u16>) -> bool {
        let Some(port) = port.or_else(|| well_known_port(scheme)) else {
            return false;
        };
        let host = normalize(host);
        self.0.iter().any(|allowed| {
            allowed.allows_scheme(scheme) && allowed.host.allows(&host) && allowed.ports.allow(port)
        })
    }

    /// Whether the application may call itself.
    pub(crate) fn allow_self(&self) -> bool {
        self.0.iter().any(|allowed| {
            matches!(allowed.host, Host::Any | Host::Application)
                && (allowed.allows_scheme("http") || allowed.allows_scheme("https"))
        })
    }
}

/// An entry that a template with an empty variable leaves, which Spin skips so
/// that a host can be optional.
pub(crate) fn is_empty_resolution(entry: &str) -> bool {
    matches!(entry, "" | "http://" | "https://")
}

/// The component that `http://<component>.spin.internal` addresses.
pub(crate) fn chaining_target(host: &str) -> Option<&str> {
    match host.split_once('.')? {
        (component, "spin.internal") => Some(component),
        _ => None,
    }
}

impl AllowedHost {
    fn parse(entry: &str) -> Result<Self> {
        let entry = entry.trim();
        let (scheme, rest) = entry
            .split_once("://")
            .context("a host has no scheme: expected scheme://host[:port]")?;
        let (host, port) = split_port(rest);
        let port = match port.split_once('/') {
            Some((port, "")) => port,
            Some(_) => bail!("a host must not have a path"),
            None => port,
        };
        let ports = Ports::parse(port, scheme)?;
        ensure!(
            scheme == "*" || scheme.chars().all(char::is_alphabetic),
            "a host's scheme is not a word or *"
        );
        Ok(Self {
            scheme: (scheme != "*").then(|| scheme.to_owned()),
            host: Host::parse(host)?,
            ports,
        })
    }

    fn allows_scheme(&self, scheme: &str) -> bool {
        self.scheme.as_deref().is_none_or(|own| own == scheme)
    }
}

/// Splits at the last colon, unless that colon is part of an IPv6 address.
fn split_port(rest: &str) -> (&str, &str) {
    if Host::parse(rest).is_ok() {
        return (rest, "");
    }
    rest.rsplit_once(':').unwrap_or((rest, ""))
}

impl Host {
    fn parse(host: &str) -> Result<Self> {
        let host = host.trim();
        match host {
            "*" => return Ok(Self::Any),
            "self" | "self.alt" => return Ok(Self::Application),
            _ => {}
        }
        if let Some(network) = network(host) {
            return Ok(network);
        }
        let host = host.strip_suffix('/').unwrap_or(host);
        ensure!(!host.contains('/'), "a host must not have a path");
        if let Some(domain) = host.strip_prefix("*.") {
            ensure!(
                !domain.contains('*'),
                "a host may have one * only, at its start"
            );
            return match Self::literal(domain)? {
                Self::Name(name) => Ok(Self::Subdomains(format!(".{name}"))),
                _ => bail!("*. must be followed by a domain"),
            };
        }
        ensure!(!host.contains('*'), "a host may have * only at its start");
        Self::literal(host)
    }

    fn literal(host: &str) -> Result<Self> {
        let host = normalize(host);
        if let Ok(address) = host.parse() {
            return Ok(Self::Address(address));
        }
        let labels_are_words = host.split('.').all(|label| {
            !label.is_empty()
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        });
        // A last label of digits would make a URL's host an IPv4 address.
        let numeric = host
            .rsplit('.')
            .next()
            .is_some_and(|label| label.bytes().all(|b| b.is_ascii_digit()));
        ensure!(labels_are_words && !numeric, "a host is not a valid name");
        Ok(Self::Name(host))
    }

    fn allows(&self, host: &str) -> bool {
        let address: Option<IpAddr> = host.parse().ok();
        match (self, address) {
            (Self::Any, _) => true,
            (Self::Name(name), None) => name == host,
            (Self::Subdomains(suffix), None) => host.ends_with(suffix),
            (Self::Address(own), Some(address)) => *own == address,
            (Self::Network(network, bits), Some(address)) => contains(*network, *bits, address),
            _ => false,
        }
    }
}

/// Lower case, without the brackets of an IPv6 address.
fn normalize(host: &str) -> String {
    let host = host.trim();
    host.strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
        .unwrap_or(host)
        .to_ascii_lowercase()
}

fn network(text: &str) -> Option<Host> {
    let (address, bits) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let bits: u8 = bits.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    (bits <= most).then_some(Host::Network(address, bits))
}

fn contains(network: IpAddr, bits: u8, address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            let differing = u32::from(a) ^ u32::from(b);
            differing.checked_shr(32 - u32::from(bits)).unwrap_or(0) == 0
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            let differing = u128::from(a) ^ u128::from(b);
            differing.checked_shr(128 - u32::from(bits)).unwrap_or(0) == 0
        }
        _ => false,
    }
}

impl Ports {
    fn parse(port: &str, scheme: &str) -> Result<Self> {
        if port == "*" {
            return Ok(Self::Any);
        }
        if port.is_empty() {
            return well_known_port(scheme)
                .map(Self::One)
                .context("a host needs a port, because its scheme has no known one");
        }
        if let Some((start, end)) = port.split_once("..") {
            let number = |text: &str| text.parse().context("a port range is not of numbers");
            return Ok(Self::Range(number(start)?, number(end)?));
        }
        Ok(Self::One(
            port.parse().context("a host's port is not a number")?,
        ))
    }

    fn allow(&self, port: u16) -> bool {
        match *self {
            Self::Any => true,
            Self::One(own) => own == port,
            Self::Range(start, end) => (start..end).contains(&port),
        }
    }
}

fn well_known_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        "mqtt" => Some(1883),
        "mysql" => Some(3306),
        "postgres" => Some(5432),
        "redis" => Some(6379),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(entry: &str, scheme: &str, host: &str, port: Option<u16>) -> bool {
        AllowedHosts::parse([entry], &["relay", "gateway"])
            .unwrap()
            .allow(scheme, host, port)
    }

    #[test]
    fn a_literal_host_is_that_host_on_its_schemes_port() {
        let entry = "https://api.example.com";
        assert!(allows(entry, "https", "api.example.com", None));
        assert!(allows(entry, "https", "API.Example.com", Some(443)));
        assert!(!allows(entry, "http", "api.example.com", None));
        assert!(!allows(entry, "https", "api.example.com", Some(8443)));
        assert!(!allows(entry, "https", "evil-api.example.com", None));
        assert!(!allows(entry, "https", "api.example.com.evil.test", None));
        assert!(!allows(entry, "https", "api.example.com.", None));
    }

    #[test]
    fn a_subdomain_wildcard_excludes_the_domain_itself() {
        let entry = "https://*.example.com";
        assert!(allows(entry, "https", "a.example.com", None));
        assert!(allows(entry, "https", "a.b.example.com", None));
        assert!(!allows(entry, "https", "example.com", None));
        assert!(!allows(entry, "https", "badexample.com", None));
    }

    #[test]
    fn any_scheme_any_host_any_port() {
        assert!(allows("*://*:*", "http", "example.com", Some(8080)));
        assert!(allows("http://*", "http", "example.com", None));
        assert!(!allows("http://*", "http", "example.com", Some(8080)));
        assert!(!allows("http://*", "https", "example.com", None));
    }

    #[test]
    fn ports_and_ranges() {
        assert!(allows(
            "http://localhost:8080",
            "http",
            "localhost",
            Some(8080)
        ));
        assert!(!allows("http://localhost:8080", "http", "localhost", None));
        let range = "http://localhost:8000..8100";
        assert!(allows(range, "http", "localhost", Some(8000)));
        assert!(allows(range, "http", "localhost", Some(8099)));
        assert!(!allows(range, "http", "localhost", Some(8100)));
    }

    #[test]
    fn addresses_and_networks() {
        assert!(allows("http://127.0.0.1:80", "http", "127.0.0.1", None));
        assert!(!allows("http://127.0.0.1:80", "http", "localhost", None));
        assert!(allows("http://[::1]:3000", "http", "[::1]", Some(3000)));
        assert!(allows("http://10.0.0.0/8:80", "http", "10.200.3.4", None));
        assert!(!allows("http://10.0.0.0/8:80", "http", "11.0.0.1", None));
        assert!(allows("http://0.0.0.0/0:*", "http", "9.9.9.9", Some(1)));
        assert!(!allows("http://0.0.0.0/0:*", "http", "::1", Some(1)));
    }

    #[test]
    fn chaining_is_allowed_by_that_very_host_or_by_all_components() {
        let entry = "http://relay.spin.internal";
        assert!(allows(entry, "http", "relay.spin.internal", None));
        assert!(!allows(entry, "http", "gateway.spin.internal", None));
        let all = "http://*.spin.internal";
        assert!(allows(all, "http", "gateway.spin.internal", None));
        assert!(!allows(all, "http", "other.spin.internal", None));
        assert_eq!(chaining_target("relay.spin.internal"), Some("relay"));
        assert_eq!(chaining_target("a.relay.spin.internal"), None);
        assert_eq!(chaining_target("spin.internal"), None);
    }

    #[test]
    fn the_application_itself() {
        let own = AllowedHosts::parse(["http://self"], &[]).unwrap();
        assert!(own.allow_self());
        assert!(!own.allow("http", "self", None));
        let other = AllowedHosts::parse(["http://example.com"], &[]).unwrap();
        assert!(!other.allow_self());
        assert!(!AllowedHosts::default().allow_self());
    }

    #[test]
    fn a_trailing_slash_is_accepted_and_a_path_is_not() {
        assert!(allows("http://example.com/", "http", "example.com", None));
        assert!(allows(
            "http://example.com:81/",
            "http",
            "example.com",
            Some(81)
        ));
        for bad in ["http://example.com/a", "http://example.com:81/a"] {
            assert!(AllowedHosts::parse([bad], &[]).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_host_is_an_error() {
        for bad in [
            "",
            "*",
            "example.com",
            "http://",
            "foo://example.com",
            "http://a.*.com",
            "http://*.*.com",
            "http://*.0.1",
            "http://example.com:x",
            "http://exa mple.com",
            "ht+tp://example.com:80",
            "http://example.com:1..x",
            "insecure:allow-all",
            "http://user@example.com",
        ] {
            assert!(AllowedHosts::parse([bad], &[]).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_empty_optional_host_is_recognised() {
        assert!(is_empty_resolution("http://"));
        assert!(!is_empty_resolution("http://a"));
    }
}
