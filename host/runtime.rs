//! The engine, with the compilation cache, and the interfaces that every
//! component may import.

use crate::{guest::Guest, interfaces};
use anyhow::{Context as _, Result};
use std::path::Path;
use wasmtime::{
    Cache, CacheConfig, Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig,
    component::Linker,
};

/// How many instances may live at the same time, all components together.
const MAX_INSTANCES: u32 = 1000;

/// wasmtime's errors are not `std::error::Error`; what they say is kept.
pub(crate) fn error(error: wasmtime::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:#}")
}

/// The first line of each cause of an error; backtraces stay out.
pub(crate) fn one_line(error: &wasmtime::Error) -> String {
    error
        .chain()
        .filter_map(|cause| {
            let text = cause.to_string();
            let line = text.lines().next()?.trim_end_matches(':').to_owned();
            (!line.starts_with("error while executing")).then_some(line)
        })
        .collect::<Vec<_>>()
        .join(": ")
}

pub(crate) fn engine(cache_directory: &Path, count_fuel: bool) -> Result<Engine> {
    let mut cache = CacheConfig::new();
    cache.with_directory(cache_directory);
    let cache = Cache::new(cache)
        .map_err(error)
        .with_context(|| format!("failed to use the cache {}", cache_directory.display()))?;

    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .wasm_component_model_async(true)
        // How a denied interface is imported a second time (`compose.rs`).
        .wasm_component_model_implements(true)
        .consume_fuel(count_fuel)
        .cache(Some(cache))
        .allocation_strategy(pooling());
    if let Ok(engine) = Engine::new(&config) {
        return Ok(engine);
    }
    // The pool reserves terabytes of address space, which some machines refuse.
    config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    Engine::new(&config).map_err(error)
}

fn pooling() -> InstanceAllocationStrategy {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(MAX_INSTANCES)
        .total_core_instances(4 * MAX_INSTANCES)
        .total_memories(MAX_INSTANCES)
        .total_tables(2 * MAX_INSTANCES)
        .total_stacks(MAX_INSTANCES)
        // A composed component is many core modules in one.
        .max_core_instances_per_component(200)
        .max_tables_per_component(20)
        .table_elements(100_000)
        .max_component_instance_size(10 << 20)
        .max_core_instance_size(10 << 20);
    InstanceAllocationStrategy::Pooling(pool)
}

/// WASI 0.2 without and 0.3 with HTTP, and Spin's interfaces.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    interfaces::add_to_linker(&mut linker)?;
    Ok(linker)
}
