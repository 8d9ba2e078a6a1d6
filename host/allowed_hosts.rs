//! `allowed_outbound_hosts`: which URLs a component may call. Of Spin's grammar
//! (<https://spinframework.dev/v3/http-outbound>) this is the part that manifests
//! here use: `http`, `https` or `postgres`, and after it `*`, `*.domain`, `self`, a name or an
//! IPv4 address, with a port or `*`. Everything else is refused at the start.

use anyhow::{Context as _, Result, ensure};
use std::net::Ipv4Addr;

const CHAINING_DOMAIN: &str = "spin.internal";

/// What one component may call.
#[derive(Debug, Default)]
pub(crate) struct AllowedHosts(Vec<AllowedHost>);

#[derive(Debug)]
struct AllowedHost {
    scheme: String,
    host: Host,
    /// `None` is any port.
    port: Option<u16>,
}

#[derive(Debug)]
enum Host {
    Any,
    /// `self`: this application, by relative URLs or `http://self.alt`.
    Application,
    /// `*.example.com`, kept as `.example.com`.
    Subdomains(String),
    /// A name, in lower case, or an IPv4 address.
    Literal(String),
}

impl AllowedHosts {
    /// Adds an entry whose template is already filled in. No error repeats the
    /// entry, which may hold a secret.
    pub(crate) fn add(&mut self, entry: &str) -> Result<()> {
        self.0.push(AllowedHost::parse(entry)?);
        Ok(())
    }

    /// Whether an absolute URL may be called.
    pub(crate) fn allows(&self, scheme: &str, host: &str, port: Option<u16>) -> bool {
        let Some(port) = port.or_else(|| default_port(scheme)) else {
            return false;
        };
        let host = host.to_ascii_lowercase();
        self.0.iter().any(|allowed| {
            allowed.scheme == scheme
                && allowed.host.allows(&host)
                && allowed.port.is_none_or(|own| own == port)
        })
    }

    /// Whether the application may call itself.
    pub(crate) fn allows_self(&self) -> bool {
        self.0
            .iter()
            .any(|allowed| matches!(allowed.host, Host::Any | Host::Application))
    }
}

/// Whether a template with an empty variable left nothing of an entry. Spin skips
/// such an entry, so that a host can be optional.
pub(crate) fn is_empty_resolution(entry: &str) -> bool {
    matches!(entry, "" | "http://" | "https://" | "postgres://")
}

/// The component that `http://<component>.spin.internal` addresses.
pub(crate) fn chaining_target(host: &str) -> Option<&str> {
    let (component, domain) = host.split_once('.')?;
    (domain == CHAINING_DOMAIN).then_some(component)
}

impl AllowedHost {
    fn parse(entry: &str) -> Result<Self> {
        let (scheme, rest) = entry
            .trim()
            .split_once("://")
            .context("a host has no scheme; it must be scheme://host[:port]")?;
        let default_port = default_port(scheme).context(
            "the scheme of a host is not supported by this host; it must be http, https or \
             postgres",
        )?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.rsplit_once(':') {
            None => (rest, Some(default_port)),
            Some((host, "*")) => (host, None),
            Some((host, port)) => {
                let port = port.parse().context(
                    "the port of a host is not supported by this host; it must be a number or *",
                )?;
                (host, Some(port))
            }
        };
        Ok(Self {
            scheme: scheme.to_owned(),
            host: Host::parse(&host.to_ascii_lowercase())?,
            port,
        })
    }
}

impl Host {
    fn parse(host: &str) -> Result<Self> {
        match host {
            "*" => return Ok(Self::Any),
            "self" | "self.alt" => return Ok(Self::Application),
            _ => {}
        }
        if let Some(domain) = host.strip_prefix("*.") {
            ensure!(
                domain != CHAINING_DOMAIN,
                "*.{CHAINING_DOMAIN} is not supported by this host; each component must be listed"
            );
            ensure!(
                is_name(domain),
                "*. must be followed by the name of a domain"
            );
            return Ok(Self::Subdomains(format!(".{domain}")));
        }
        ensure!(
            is_name(host) || host.parse::<Ipv4Addr>().is_ok(),
            "a host is not supported by this host; it must be *, *.domain, self, a name or an \
             IPv4 address, without a path"
        );
        Ok(Self::Literal(host.to_owned()))
    }

    fn allows(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Application => false,
            Self::Subdomains(suffix) => host.ends_with(suffix),
            Self::Literal(own) => own == host,
        }
    }
}

/// Whether it is a DNS name. A last label of digits would make a URL's host an
/// IPv4 address.
fn is_name(host: &str) -> bool {
    let labels_are_words = host.split('.').all(|label| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    });
    let is_numeric = host
        .rsplit('.')
        .next()
        .is_some_and(|label| label.bytes().all(|b| b.is_ascii_digit()));
    labels_are_words && !is_numeric
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        "postgres" => Some(5432),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(entry: &str) -> Result<AllowedHosts> {
        let mut hosts = AllowedHosts::default();
        hosts.add(entry)?;
        Ok(hosts)
    }

    fn allows(entry: &str, scheme: &str, host: &str, port: Option<u16>) -> bool {
        parse(entry).unwrap().allows(scheme, host, port)
    }

    #[test]
    fn literal_host_is_allowed_on_the_port_of_its_scheme() {
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
    fn subdomain_wildcard_excludes_the_domain_itself() {
        let entry = "https://*.example.com";
        assert!(allows(entry, "https", "a.example.com", None));
        assert!(allows(entry, "https", "a.b.example.com", None));
        assert!(!allows(entry, "https", "example.com", None));
        assert!(!allows(entry, "https", "badexample.com", None));
    }

    #[test]
    fn wildcard_host_and_wildcard_port_are_independent() {
        assert!(allows("http://*:*", "http", "example.com", Some(8080)));
        assert!(allows("http://*", "http", "example.com", None));
        assert!(!allows("http://*", "http", "example.com", Some(8080)));
        assert!(!allows("http://*", "https", "example.com", None));
        assert!(allows("http://a.test:*", "http", "a.test", Some(1)));
        assert!(!allows("http://a.test:*", "http", "b.test", Some(1)));
    }

    #[test]
    fn port_is_that_one_only() {
        let entry = "http://localhost:8080";
        assert!(allows(entry, "http", "localhost", Some(8080)));
        assert!(!allows(entry, "http", "localhost", None));
    }

    #[test]
    fn address_is_not_the_name_that_resolves_to_it() {
        assert!(allows("http://127.0.0.1:80", "http", "127.0.0.1", None));
        assert!(!allows("http://127.0.0.1:80", "http", "localhost", None));
        assert!(!allows("http://127.0.0.1:80", "http", "127.1", None));
    }

    #[test]
    fn chaining_is_allowed_by_the_name_of_the_component() {
        let entry = "http://relay.spin.internal";
        assert!(allows(entry, "http", "relay.spin.internal", None));
        assert!(!allows(entry, "http", "gateway.spin.internal", None));
        assert_eq!(chaining_target("relay.spin.internal"), Some("relay"));
        assert_eq!(chaining_target("a.relay.spin.internal"), None);
        assert_eq!(chaining_target("spin.internal"), None);
    }

    #[test]
    fn self_is_the_application_and_no_host() {
        let own = parse("http://self").unwrap();
        assert!(own.allows_self());
        assert!(!own.allows("http", "self", None));
        assert!(!parse("http://example.com").unwrap().allows_self());
        assert!(!AllowedHosts::default().allows_self());
    }

    #[test]
    fn trailing_slash_is_accepted() {
        assert!(allows("http://example.com/", "http", "example.com", None));
        let entry = "http://example.com:81/";
        assert!(allows(entry, "http", "example.com", Some(81)));
    }

    #[test]
    fn entry_that_is_not_supported_is_an_error_that_says_what_would_be() {
        for (bad, expected) in [
            ("", "no scheme"),
            ("*", "no scheme"),
            ("example.com", "no scheme"),
            ("insecure:allow-all", "no scheme"),
            ("redis://example.com", "http, https or postgres"),
            ("*://example.com", "http, https or postgres"),
            ("http://example.com:x", "a number or *"),
            ("http://example.com:8000..8100", "a number or *"),
            ("http://example.com:81/a", "a number or *"),
            ("http://", "a name or an IPv4 address"),
            ("http://example.com/a", "a name or an IPv4 address"),
            ("http://10.0.0.0/8", "a name or an IPv4 address"),
            ("http://[::1]:3000", "a name or an IPv4 address"),
            ("http://1.2.3", "a name or an IPv4 address"),
            ("http://a.*.com", "a name or an IPv4 address"),
            ("http://exa mple.com", "a name or an IPv4 address"),
            ("http://user@example.com", "a name or an IPv4 address"),
            ("http://*.*.com", "the name of a domain"),
            ("http://*.0.1", "the name of a domain"),
            ("http://*.spin.internal", "each component must be listed"),
        ] {
            let error = format!("{:#}", parse(bad).unwrap_err());
            assert!(error.contains(expected), "{bad}: {error}");
        }
    }

    #[test]
    fn empty_resolution_is_a_scheme_or_nothing() {
        assert!(is_empty_resolution(""));
        assert!(is_empty_resolution("http://"));
        assert!(!is_empty_resolution("http://a"));
    }
}
