import { stripTypeScriptTypes } from 'node:module';
import { parse, type Node } from 'acorn';
import { full } from 'acorn-walk';
import { userError, VerbError } from './verb-error.ts';

/** The function that counts; a name that source text may not contain. */
const tickName = '$tick';

/**
 * The body of a verb as it is run: TypeScript's types taken off, a tick at the start of every function and every turn
 * of a loop. It must parse alone as the body of a strict function, so that nothing can close the function around it.
 *
 * @throws UserError with the line of the first fault.
 */
export function compileVerb(source: string, longest: number): string {
  if (Buffer.byteLength(source) > longest) throw userError(`A verb has at most ${longest} bytes of source.`);
  if (source.includes('\u0000') || !source.isWellFormed()) throw userError('The source is not plain text.');
  try {
    return withTicks(source);
  } catch (error) {
    const stripped = withoutTypes(source);
    if (stripped === undefined || stripped === source) throw syntaxError(error);
    try {
      return withTicks(stripped);
    } catch (second) {
      throw syntaxError(second);
    }
  }
}

/**
 * The same for what a person types: an expression gives its value; else statements, of which the last gives its value
 * if it is an expression.
 */
export function compileEval(source: string, longest: number): string {
  try {
    parse(`(${source}\n)`, parserOptions);
    return compileVerb(`return (${source}\n)`, longest);
  } catch {
    return compileVerb(withLastValue(source), longest);
  }
}

const parserOptions = { ecmaVersion: 2025, sourceType: 'script', allowReturnOutsideFunction: true } as const;

function withLastValue(source: string): string {
  try {
    const last = parse(source, parserOptions).body.at(-1);
    if (last?.type !== 'ExpressionStatement') return source;
    return `${source.slice(0, last.start)}return (${source.slice(last.expression.start, last.expression.end)})${source.slice(last.end)}`;
  } catch {
    return source;
  }
}

interface Insert {
  readonly at: number;
  readonly text: string;
  /** Where several stand at one place: outer openings first, inner closings first. */
  readonly rank: number;
}

const directive = '"use strict";';
const loops = new Set(['ForStatement', 'ForInStatement', 'ForOfStatement', 'WhileStatement', 'DoWhileStatement']);
const functions = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);

function withTicks(source: string): string {
  const inserts: Insert[] = [];
  let visited = 0;
  full(parse(directive + source, { ...parserOptions, locations: true }), (node) => {
    visited += 1;
    if (node.type === 'Identifier' && 'name' in node && node.name === tickName) {
      throw new SyntaxError(`The name ${tickName} is reserved.`);
    }
    const { body } = node as Node & { body?: Node };
    if (body === undefined || !(loops.has(node.type) || functions.has(node.type))) return;
    if (body.type === 'BlockStatement') {
      inserts.push({ at: body.start + 1, text: `${tickName}();`, rank: 0 });
      return;
    }
    const [before, after] = loops.has(node.type) ? [`{${tickName}();`, '}'] : [`(${tickName}(),`, ')'];
    inserts.push({ at: body.start, text: before, rank: -visited }, { at: body.end, text: after, rank: visited - 1e9 });
  });
  let at = directive.length;
  const parts: string[] = [];
  for (const insert of inserts.toSorted((a, b) => a.at - b.at || a.rank - b.rank)) {
    parts.push((directive + source).slice(at, insert.at), insert.text);
    at = insert.at;
  }
  return [...parts, (directive + source).slice(at)].join('');
}

/** Undefined where it is not TypeScript either. Types become spaces, so that lines and columns stay. */
function withoutTypes(source: string): string | undefined {
  const [before, after] = ['function verb() {', '\n}'];
  try {
    return stripTypeScriptTypes(before + source + after).slice(before.length, -after.length);
  } catch {
    return undefined;
  }
}

function syntaxError(error: unknown): VerbError {
  if (!Error.isError(error)) return userError('The source cannot be read.');
  const { loc } = error as Error & { loc?: { line: number } };
  const message = error.message.replace(/ \(\d+:\d+\)$/, '');
  return userError(`Syntax error${loc === undefined ? '' : ` in line ${loc.line}`}: ${message}`);
}
