//! The tables of both schemas, and where their columns differ.

use postgres::types::Type;

/// What a column holds in PostgreSQL.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Text,
    Integer,
    /// An integer in SQLite.
    Boolean,
    /// Text or a blob in SQLite.
    Bytes,
    /// A JSON array of texts in SQLite.
    Texts,
}

impl Kind {
    pub(crate) fn of_postgres(self) -> Type {
        match self {
            Self::Text => Type::TEXT,
            Self::Integer => Type::INT8,
            Self::Boolean => Type::BOOL,
            Self::Bytes => Type::BYTEA,
            Self::Texts => Type::TEXT_ARRAY,
        }
    }
}

/// A column in PostgreSQL.
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// What SQLite has under another name; empty: the same.
    from: &'static str,
}

impl Column {
    /// What it is in SQLite.
    pub(crate) fn in_sqlite(&self) -> &'static str {
        if self.from.is_empty() {
            self.name
        } else {
            self.from
        }
    }
}

/// A table of both.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [Column],
}

const fn column(name: &'static str, kind: Kind) -> Column {
    Column {
        name,
        kind,
        from: "",
    }
}

macro_rules! tables {
    ($($table:ident { $($column:ident: $kind:ident $(= $from:literal)?),+ $(,)? })+) => {
        [$(Table {
            name: stringify!($table),
            columns: &[$(tables!(@ $column $kind $($from)?)),+],
        }),+]
    };
    (@ $column:ident $kind:ident) => {
        column(stringify!($column), Kind::$kind)
    };
    (@ $column:ident $kind:ident $from:literal) => {
        Column { name: stringify!($column), kind: Kind::$kind, from: $from }
    };
}

/// Every table, but for the backlog, which is counted.
pub(crate) const TABLES: [Table; 18] = tables! {
    delivery {
        event_id: Text, event_type: Text, mode: Text, vehicle_id: Text, user_id: Text,
        delivered_at: Integer, received_at: Integer, body: Bytes = "CAST(body AS BLOB)",
    }
    quarantine {
        event_id: Text, vehicle_id: Text, received_at: Integer, signature: Text, body: Bytes,
    }
    vehicle {
        id: Text, user_id: Text, make: Text, model: Text, year: Integer, powertrain_type: Text,
        mode: Text, delivered_at: Integer,
    }
    signal {
        vehicle_id: Text, code: Text, name: Text, group_name: Text, body: Text,
        observed_at: Integer, retrieved_at: Integer, delivered_at: Integer, error: Text,
        error_at: Integer, user_id: Text, error_user_id: Text, rank: Text = "value_rank",
        delivered_rank: Text = "last_rank", delivered_body: Text,
    }
    vehicle_error {
        vehicle_id: Text, type: Text, code: Text, error: Text, error_at: Integer,
        resolved_at: Integer, user_id: Text, early_at: Integer, opened_at: Integer,
    }
    listing { vehicle_id: Text, user_id: Text, listed_at: Integer }
    tally {
        minute: Integer, outcome: Text, reason: Text, event_type: Text, mode: Text,
        count: Integer,
    }
    action {
        id: Text, kind: Text, path: Text, caller: Text, vehicle_id: Text, user_id: Text,
        idempotency_key: Text, fingerprint: Text, claim: Text, is_exclusive: Boolean,
        is_holding: Boolean, insisted: Boolean, evidence: Text, awaits: Text,
        wait_ended_by: Text, started_at: Integer, completed_at: Integer, outcome: Text,
        status: Integer, error: Text, request_id: Text, execution_id: Text,
        answer_headers: Text, answer: Bytes,
    }
    action_signal {
        action_id: Text, is_late: Boolean, body: Text, observed_at: Integer, user_id: Text,
    }
    arrival {
        nonce: Text, arrived_at: Integer, completed_at: Integer, user_id: Text, tries: Integer,
        vehicles: Integer, error: Text, description: Text, begun_for: Text, vehicle_id: Text,
        vin: Text, make: Text, model: Text, year: Text,
    }
    vehicle_calls {
        vehicle_id: Text, month: Integer, calls: Integer, refused_code: Text,
        refused_at: Integer, refused_until: Integer,
    }
    fruitless_lookup { at: Integer, caller: Text, vehicle_id: Text, reason: Text }
    sink {
        name: Text, types: Texts, vehicles: Texts, modes: Texts, changed_only: Boolean,
        gone: Text, failures: Integer, paused_until: Integer,
    }
    relay { id: Integer, sinks: Text, seen_at: Integer }
    former_configuration { sinks: Text, seen_at: Integer }
    outbox {
        seq: Integer, sink: Text, event_id: Text, vehicle_id: Text, created_at: Integer,
        due_at: Integer, claimed_until: Integer, attempts: Integer, error: Text,
        dead_at: Integer, waits: Boolean,
    }
    examination { id: Integer, ran_at: Integer, report: Text }
    chore { name: Text, next_at: Integer }
};
