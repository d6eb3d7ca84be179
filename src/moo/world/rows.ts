import type { JsonValue } from '../../core/json.ts';

export const permissions = [
  'anything',
  'read',
  'write',
  'entrust',
  'grant',
  'execute',
  'move',
  'transmute',
  'derive',
] as const;
export type Permission = (typeof permissions)[number];

export const groups = ['everyone', 'owners', 'wizards'] as const;
export type Group = (typeof groups)[number];

/** One access rule; exactly one of accessor and group is set. */
interface Rule {
  readonly rule: 'allow' | 'deny';
  readonly permission: Permission;
  readonly accessor: number | null;
  readonly grp: Group | null;
}

export interface ObjectRow {
  readonly id: number;
  readonly name: string;
  readonly uniqueName: boolean;
  readonly obvious: boolean;
  readonly ownerId: number | null;
  readonly locationId: number | null;
  readonly isPlayer: boolean;
  readonly isWizard: boolean;
  readonly aliases: readonly string[];
  /** Itself and its ancestors, in the order in which verbs and properties are looked for. */
  readonly chain: readonly number[];
  readonly rules: readonly Rule[];
  /** Changes with every write of the row. */
  readonly version: string;
}

export type DobjSpec = 'this' | 'any' | 'none' | 'either';
export type IobjSpec = 'this' | 'any' | 'none';

export interface VerbRow {
  readonly id: number;
  readonly originId: number;
  readonly ownerId: number | null;
  readonly names: readonly string[];
  readonly compiled: string;
  readonly dobj: DobjSpec;
  /** From preposition, or `any`, to what its object must be. */
  readonly iobj: Readonly<Record<string, IobjSpec>>;
  readonly rules: readonly Rule[];
}

export interface PropertyRow {
  readonly id: number;
  readonly originId: number;
  readonly ownerId: number | null;
  readonly name: string;
  readonly value: JsonValue;
  readonly rules: readonly Rule[];
  readonly version: string;
}

/** What access rules protect. */
export interface Subject {
  readonly kind: 'object' | 'verb' | 'property';
  readonly id: number;
  readonly ownerId: number | null;
  readonly rules: readonly Rule[];
}

/** The object that every world begins with; verbs call it `_` and `$`.*/
export const systemId = 1;
