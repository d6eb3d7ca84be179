/** Queues, workers, throttles, schedules and events. `search_path` selects the schema. */
export const operationTables: readonly string[] = [
  `CREATE TABLE engine (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    id uuid NOT NULL,
    created_at timestamptz NOT NULL
  )`,
  `INSERT INTO engine (id, created_at) VALUES (gen_random_uuid(), clock())`,

  `CREATE TABLE queue (
    name text PRIMARY KEY,
    epoch bigint NOT NULL DEFAULT 1 CHECK (epoch > 0),
    paused_at timestamptz,
    paused_by text,
    paused_reason text,
    CHECK (paused_at IS NOT NULL OR (paused_by IS NULL AND paused_reason IS NULL))
  )`,

  `CREATE TABLE worker (
    id uuid PRIMARY KEY,
    host text NOT NULL,
    pid integer NOT NULL,
    queues jsonb NOT NULL,
    tasks text[] NOT NULL,
    state text NOT NULL CHECK (state IN ('ready', 'draining', 'stopped')),
    version text NOT NULL,
    running integer NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL,
    heartbeat_at timestamptz NOT NULL,
    stopped_at timestamptz
  )`,
  `CREATE INDEX worker_live ON worker (heartbeat_at) WHERE state <> 'stopped'`,

  `CREATE TABLE throttle (
    key text PRIMARY KEY,
    name text NOT NULL,
    max_held integer NOT NULL CHECK (max_held >= 0),
    max_held_override integer CHECK (max_held_override >= 0),
    override_until timestamptz,
    level integer NOT NULL,
    held integer NOT NULL DEFAULT 0 CHECK (held >= 0),
    next_place bigint NOT NULL DEFAULT 1
  )`,
  `CREATE TABLE permit (
    id uuid PRIMARY KEY,
    execution_id uuid NOT NULL REFERENCES execution (id) ON DELETE CASCADE,
    first_position integer NOT NULL,
    last_position integer NOT NULL CHECK (last_position >= first_position),
    keys text[] NOT NULL CHECK (cardinality(keys) > 0),
    places bigint[] NOT NULL,
    held boolean NOT NULL,
    created_at timestamptz NOT NULL,
    admitted_at timestamptz,
    CHECK (cardinality(keys) = cardinality(places)),
    CHECK (held = (admitted_at IS NOT NULL)),
    UNIQUE (execution_id, first_position, last_position)
  )`,
  `CREATE INDEX permit_keys ON permit USING gin (keys)`,

  `CREATE TABLE schedule (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE,
    executor text NOT NULL,
    timing jsonb NOT NULL,
    time_zone text NOT NULL,
    input jsonb NOT NULL,
    policies jsonb NOT NULL,
    owner text NOT NULL CHECK (owner IN ('code', 'operator')),
    enabled boolean NOT NULL,
    next_due_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
  )`,
  `CREATE INDEX schedule_due ON schedule (next_due_at) WHERE enabled AND next_due_at IS NOT NULL`,
  `CREATE TABLE schedule_fire (
    schedule_id uuid NOT NULL REFERENCES schedule (id) ON DELETE CASCADE,
    due_at timestamptz NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('fired', 'skipped', 'missed', 'caught_up')),
    reason text,
    execution_id uuid,
    fired_at timestamptz NOT NULL,
    PRIMARY KEY (schedule_id, due_at)
  )`,

  `CREATE TABLE leak (
    id uuid PRIMARY KEY,
    resource_type text NOT NULL,
    resource_id text NOT NULL,
    execution_id uuid NOT NULL,
    remains jsonb NOT NULL,
    error jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    resolved_at timestamptz,
    resolved_by text,
    note text,
    CHECK ((resolved_at IS NULL) = (resolved_by IS NULL))
  )`,
  `CREATE INDEX leak_open ON leak (created_at) WHERE resolved_at IS NULL`,

  `CREATE TABLE event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    execution_id uuid,
    resource_type text,
    resource_id text,
    data jsonb NOT NULL
  )`,
  `CREATE INDEX event_of_execution ON event (execution_id, id) WHERE execution_id IS NOT NULL`,
  `CREATE INDEX event_of_resource ON event (resource_type, resource_id, id) WHERE resource_id IS NOT NULL`,
];
