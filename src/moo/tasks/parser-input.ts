import type { JsonValue } from '../../core/json.ts';
import type { NamedObject, ParsedCommand } from '../parser/dispatch.ts';
import { optionalObject } from '../world/values.ts';

/** A parsed command as the prelude gets it. */
export function parserInput({ command, dobj, preps }: ParsedCommand): JsonValue {
  const named = ({ text, object }: NamedObject): JsonValue => ({ text, object: optionalObject(object?.id ?? null) });
  return {
    command: command.command,
    words: [...command.words],
    dobj: optionalObject(dobj?.object?.id ?? null),
    dobjText: dobj?.text ?? '',
    preps: Object.fromEntries([...preps].map(([name, objects]) => [name, objects.map(named)])),
  };
}
