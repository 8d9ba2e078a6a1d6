//! PostgreSQL connections of guests, out of pools that behave as Spin's do: 64 connections a
//! component and address, a wait without end for a free one, and no word to the server about
//! a transaction that a guest has left open.
//!
//! Source: <https://github.com/spinframework/spin/tree/main/crates/factor-outbound-pg>

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio_postgres::{Config, NoTls, config::Host};

/// How many connections a pool has at most.
const POOL_SIZE: usize = 64;

/// The pools of an application, by component and address.
#[derive(Default)]
pub(crate) struct Pools(Mutex<HashMap<(String, String), Pool>>);

/// The resource that a guest holds. Its connection goes back to the pool when the last
/// statement of the guest has ended, as it is.
#[derive(Clone)]
#[allow(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Connection(pub(crate) Arc<Object>);

/// An address that is to be connected to.
#[derive(Clone)]
#[allow(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct ConnectionBuilder(pub(crate) String);

impl Pools {
    /// A connection of a component to an address.
    pub(crate) async fn connect(
        &self,
        component: &str,
        address: &str,
    ) -> Result<Connection, String> {
        let pool = self.pool(component, address)?;
        let object = pool.get().await.map_err(|error| format!("{error:?}"))?;
        Ok(Connection(Arc::new(object)))
    }

    fn pool(&self, component: &str, address: &str) -> Result<Pool, String> {
        let mut pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (component.to_owned(), address.to_owned());
        if let Some(pool) = pools.get(&key) {
            return Ok(pool.clone());
        }
        let config = parse(address)?;
        // Of a connection that comes back this ends cursors, settings and locks of the
        // session. It is no ROLLBACK: a transaction goes on to whoever is next.
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Clean,
        };
        let manager = Manager::from_config(config, NoTls, recycling);
        let pool = Pool::builder(manager).max_size(POOL_SIZE).build();
        let pool = pool.map_err(|error| error.to_string())?;
        pools.insert(key, pool.clone());
        Ok(pool)
    }
}

/// The hosts and ports of an address.
pub(crate) fn targets(address: &str) -> Result<Vec<(String, u16)>, String> {
    let config = parse(address)?;
    let ports = config.get_ports();
    let port = |place: usize| {
        let own = ports.get(place).or_else(|| ports.first());
        own.copied().unwrap_or(5432)
    };
    let hosts = config.get_hosts().iter().enumerate();
    hosts
        .map(|(place, host)| match host {
            Host::Tcp(name) => Ok((name.clone(), port(place))),
            Host::Unix(_) => Err("Unix sockets are not supported".to_owned()),
        })
        .collect()
}

/// No error repeats the address, which holds a password.
fn parse(address: &str) -> Result<Config, String> {
    let config = address.parse();
    config.map_err(|_| "parsing Postgres connection string".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_names_its_hosts_and_ports() {
        let of = |address| targets(address).unwrap();
        let one = [("db.example.com".to_owned(), 5432)];
        assert_eq!(of("postgres://user:password@db.example.com/cars"), one);
        assert_eq!(of("host=db.example.com user=me"), one);
        let two = [("a".to_owned(), 1), ("b".to_owned(), 2)];
        assert_eq!(of("postgres://a:1,b:2/cars"), two);
    }

    /// Runs this with pools and the address of a server; left out where none is installed.
    fn with_server(test: impl AsyncFnOnce(Pools, String)) {
        let Some(server) = postgresql::shared() else {
            return;
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let url = server.url("postgres");
        runtime.unwrap().block_on(test(Pools::default(), url));
    }

    #[test]
    fn transaction_that_is_left_open_goes_on_to_the_next_guest_as_on_spin() {
        with_server(async |pools, url| {
            let run = async |connection: &Connection, sql: &str| {
                connection.0.batch_execute(sql).await.unwrap();
            };
            let first = pools.connect("a", &url).await.unwrap();
            run(&first, "CREATE TABLE leak (n int)").await;
            run(&first, "BEGIN; INSERT INTO leak VALUES (1)").await;
            drop(first);
            let second = pools.connect("a", &url).await.unwrap();
            run(&second, "INSERT INTO leak VALUES (2)").await;
            run(&second, "ROLLBACK").await;
            let rows = second.0.query("SELECT n FROM leak", &[]).await.unwrap();
            assert_eq!(rows.len(), 0, "both went");
        });
    }

    #[test]
    fn pool_of_a_component_has_64_connections_and_the_next_one_waits() {
        with_server(async |pools, url| {
            let mut held = Vec::new();
            for _ in 0..POOL_SIZE {
                held.push(pools.connect("a", &url).await.unwrap());
            }
            let short = std::time::Duration::from_millis(100);
            let next = tokio::time::timeout(short, pools.connect("a", &url)).await;
            assert!(next.is_err());
            // Another component has another pool.
            pools.connect("b", &url).await.unwrap();
            held.pop();
            pools.connect("a", &url).await.unwrap();
        });
    }

    #[test]
    fn address_that_cannot_be_read_is_not_repeated() {
        let error = targets("postgres://user:secret@host:no-port/x").unwrap_err();
        assert!(!error.contains("secret"), "{error}");
    }
}
