import type { StandardSchemaV1 } from '@standard-schema/spec';
import { problemsError } from '../core/errors.ts';

/** Any validator that follows Standard Schema: zod, valibot, arktype and others. */
export type Schema<Input = unknown, Output = Input> = StandardSchemaV1<Input, Output>;
export type InputOf<S> = S extends StandardSchemaV1 ? StandardSchemaV1.InferInput<S> : undefined;
export type OutputOf<S> = S extends StandardSchemaV1 ? StandardSchemaV1.InferOutput<S> : undefined;

/** A problem text unless `schema` follows Standard Schema. */
export function schemaProblems(schema: unknown, subject: string): string[] {
  if (schema === undefined) return [];
  const standard: unknown =
    (typeof schema === 'object' || typeof schema === 'function') && schema !== null && '~standard' in schema
      ? schema['~standard']
      : undefined;
  if (standard !== null && typeof standard === 'object' && 'validate' in standard) return [];
  return [`${subject} has an "input" that is no Standard Schema; use zod, valibot, arktype or another that is`];
}

/**
 * `value` as the schema gives it back.
 *
 * @throws INPUT_INVALID that lists each field that does not fit.
 */
export async function validateInput(schema: Schema | undefined, value: unknown, subject: string): Promise<unknown> {
  if (schema === undefined) {
    if (value === undefined || value === null || isEmptyObject(value)) return value ?? null;
    throw problemsError('INPUT_INVALID', `The input of ${subject} does not fit`, ['it declares no input, but got one']);
  }
  const result = await schema['~standard'].validate(value);
  if (result.issues === undefined) return result.value;
  const problems = result.issues.map((issue) => {
    const path = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
    return path === '' ? issue.message : `${path}: ${issue.message}`;
  });
  throw problemsError('INPUT_INVALID', `The input of ${subject} does not fit`, problems);
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
