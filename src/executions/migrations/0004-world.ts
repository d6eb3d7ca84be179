import type { MigrationInterface, QueryRunner } from 'typeorm';
import { inLedgerSchema } from './in-ledger-schema.ts';

/**
 * The world that verbs live in: objects with ordered parents and a closure table, properties, verbs, access rules,
 * players, messages. What must never be is refused by constraints: an inheritance cycle, two properties of one name on
 * one object, an object inside itself, an access rule for nobody.
 */
export class Ledger1763949600000 implements MigrationInterface {
  name = 'Ledger1763949600000';

  async up(runner: QueryRunner): Promise<void> {
    await inLedgerSchema(runner, upward);
  }

  async down(runner: QueryRunner): Promise<void> {
    await inLedgerSchema(runner, downward);
  }
}

const upward = [
  `CREATE TABLE moo_object (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    unique_name boolean NOT NULL DEFAULT false,
    obvious boolean NOT NULL DEFAULT true,
    owner_id integer REFERENCES moo_object ON DELETE SET NULL,
    location_id integer REFERENCES moo_object ON DELETE SET NULL,
    created_at timestamptz NOT NULL DEFAULT clock(),
    CHECK (location_id IS DISTINCT FROM id))`,
  `CREATE UNIQUE INDEX moo_object_unique_name ON moo_object (lower(name)) WHERE unique_name`,
  `CREATE INDEX moo_object_location ON moo_object (location_id)`,
  `CREATE INDEX moo_object_owner ON moo_object (owner_id)`,
  // The greater weight is the newer parent, which is asked first.
  `CREATE TABLE moo_parent (
    child_id integer NOT NULL REFERENCES moo_object ON DELETE CASCADE,
    parent_id integer NOT NULL REFERENCES moo_object ON DELETE CASCADE,
    weight integer NOT NULL,
    PRIMARY KEY (child_id, parent_id),
    UNIQUE (child_id, weight),
    CHECK (child_id <> parent_id))`,
  `CREATE INDEX moo_parent_of ON moo_parent (parent_id)`,
  // A cycle would make an object its own ancestor, and no such row can be stored.
  `CREATE TABLE moo_ancestor (
    descendant_id integer NOT NULL REFERENCES moo_object ON DELETE CASCADE,
    ancestor_id integer NOT NULL REFERENCES moo_object ON DELETE CASCADE,
    depth integer NOT NULL CHECK (depth BETWEEN 1 AND 64),
    path integer[] NOT NULL,
    PRIMARY KEY (descendant_id, ancestor_id),
    CONSTRAINT moo_ancestor_no_cycle CHECK (descendant_id <> ancestor_id))`,
  `CREATE INDEX moo_ancestor_rev ON moo_ancestor (ancestor_id)`,
  `CREATE TABLE moo_alias (
    object_id integer NOT NULL REFERENCES moo_object ON DELETE CASCADE,
    alias text NOT NULL CHECK (alias = lower(alias) AND length(alias) BETWEEN 1 AND 255),
    PRIMARY KEY (object_id, alias))`,
  `CREATE TABLE moo_property (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    origin_id integer NOT NULL REFERENCES moo_object ON DELETE CASCADE,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    value jsonb NOT NULL,
    owner_id integer REFERENCES moo_object ON DELETE SET NULL,
    UNIQUE (origin_id, name),
    CHECK (octet_length(value::text) <= 1048576))`,
  // Without an owner a verb refuses to run.
  `CREATE TABLE moo_verb (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    origin_id integer NOT NULL REFERENCES moo_object ON DELETE CASCADE,
    owner_id integer REFERENCES moo_object ON DELETE SET NULL,
    source text NOT NULL,
    compiled text NOT NULL,
    dobj text NOT NULL DEFAULT 'none' CHECK (dobj IN ('this', 'any', 'none', 'either')),
    iobj jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(iobj) = 'object'),
    file text,
    updated_at timestamptz NOT NULL DEFAULT clock())`,
  `CREATE INDEX moo_verb_origin ON moo_verb (origin_id)`,
  `CREATE TABLE moo_verb_name (
    verb_id integer NOT NULL REFERENCES moo_verb ON DELETE CASCADE,
    place integer NOT NULL,
    name text NOT NULL CHECK (name = lower(name) AND name !~ '\\s' AND length(name) BETWEEN 0 AND 255),
    prefix boolean NOT NULL DEFAULT false,
    PRIMARY KEY (verb_id, place))`,
  `CREATE INDEX moo_verb_name_exact ON moo_verb_name (name)`,
  `CREATE TABLE moo_access (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    object_id integer REFERENCES moo_object ON DELETE CASCADE,
    verb_id integer REFERENCES moo_verb ON DELETE CASCADE,
    property_id integer REFERENCES moo_property ON DELETE CASCADE,
    rule text NOT NULL CHECK (rule IN ('allow', 'deny')),
    permission text NOT NULL CHECK (permission IN
      ('anything', 'read', 'write', 'entrust', 'grant', 'execute', 'move', 'transmute', 'derive')),
    accessor_id integer REFERENCES moo_object ON DELETE CASCADE,
    grp text CHECK (grp IN ('everyone', 'owners', 'wizards')),
    CHECK (num_nonnulls(object_id, verb_id, property_id) = 1),
    CHECK (num_nonnulls(accessor_id, grp) = 1),
    UNIQUE NULLS NOT DISTINCT (object_id, verb_id, property_id, rule, permission, accessor_id, grp))`,
  `CREATE INDEX moo_access_object ON moo_access (object_id) WHERE object_id IS NOT NULL`,
  `CREATE INDEX moo_access_verb ON moo_access (verb_id) WHERE verb_id IS NOT NULL`,
  `CREATE INDEX moo_access_property ON moo_access (property_id) WHERE property_id IS NOT NULL`,
  `CREATE INDEX moo_access_accessor ON moo_access (accessor_id) WHERE accessor_id IS NOT NULL`,
  `CREATE TABLE moo_player (
    avatar_id integer PRIMARY KEY REFERENCES moo_object ON DELETE CASCADE,
    account text UNIQUE,
    wizard boolean NOT NULL DEFAULT false)`,
  // No reference to the player: a message is written while the task that tells it still runs.
  `CREATE TABLE moo_message (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    player_id integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('text', 'say', 'emote', 'system', 'error')),
    body text NOT NULL,
    provenance jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock())`,
  `CREATE INDEX moo_message_of ON moo_message (player_id, id)`,
  `CREATE TABLE moo_flood (
    account_id integer PRIMARY KEY,
    window_start timestamptz NOT NULL,
    lines integer NOT NULL)`,
  // Commands of one player run one after another, in the order in which they were given.
  `CREATE INDEX execution_of_player ON execution (((input->>'caller')::integer), id)
    WHERE active AND executor = 'verbs.parseCommand'`,
  `CREATE INDEX execution_of_account ON execution (((input->>'account')::integer))
    WHERE active AND executor = 'verbs.invokeVerb'`,
  `CREATE INDEX execution_of_chain ON execution ((input->>'root'), created_at) WHERE executor = 'verbs.invokeVerb'`,
];

const downward = [
  `DROP INDEX execution_of_chain, execution_of_account, execution_of_player`,
  `DROP TABLE moo_flood, moo_message, moo_player, moo_access, moo_verb_name, moo_verb, moo_property, moo_alias,
    moo_ancestor, moo_parent, moo_object`,
];
