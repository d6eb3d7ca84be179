import { errorNames, objectAttributes, objectMethods, sdkFunctions, writableAttributes } from './sdk.ts';
import { preludeHandles } from './prelude-handles.ts';

/*
 * What stands in every context before the code of a user runs in it. It is JavaScript for another realm, so it is kept as
 * text. Everything that it uses later is captured first and what user code could replace is frozen, so that the one
 * function that leads out of the isolate, held in a closure, is called by this code alone.
 */

const harden = `
const gone = ['WebAssembly', 'SharedArrayBuffer', 'Atomics', 'WeakRef', 'FinalizationRegistry', 'console'];
for (const name of gone) delete globalThis[name];
const { freeze, isFrozen, defineProperty, getOwnPropertyDescriptor, getPrototypeOf, keys: keysOf, create: createObject, hasOwn } = Object;
const { apply, ownKeys } = Reflect;
const ErrorOf = Error;
const stringify = JSON.stringify, parse = JSON.parse, isArray = Array.isArray;
const now = Date.now, ProxyOf = Proxy;
const containers = [];
for (const name of ownKeys(globalThis)) {
  const value = globalThis[name];
  if (name === 'globalThis' || value === null || (typeof value !== 'object' && typeof value !== 'function')) continue;
  containers.push(value);
  if (typeof value === 'function' && value.prototype) containers.push(value.prototype);
}
for (const sample of [function* () {}, async function () {}, async function* () {}]) {
  let up = getPrototypeOf(sample);
  containers.push(up, up.constructor);
  if (up.prototype) containers.push(up.prototype, getPrototypeOf(up.prototype));
}
for (const iterator of [[][Symbol.iterator](), new Map()[Symbol.iterator](), new Set()[Symbol.iterator](), ''[Symbol.iterator](), 'a'.matchAll(/a/g)])
  containers.push(getPrototypeOf(iterator));
containers.push(getPrototypeOf(Int8Array), getPrototypeOf(Int8Array).prototype);
// An own property of the same name stays possible on objects that inherit from these: no override mistake.
for (const proto of [Object.prototype, Error.prototype])
  for (const name of ownKeys(proto)) {
    const { value, configurable } = getOwnPropertyDescriptor(proto, name);
    if (value === undefined || !configurable) continue;
    defineProperty(proto, name, { configurable: false, enumerable: false, get: () => value, set(own) {
      if (this === proto) throw new TypeError('Prototypes are read-only here.');
      defineProperty(this, name, { value: own, writable: true, enumerable: true, configurable: true });
    } });
  }
for (const each of containers) freeze(each);
for (const name of ownKeys(globalThis)) {
  const of = getOwnPropertyDescriptor(globalThis, name);
  if (of.configurable) defineProperty(globalThis, name, 'value' in of ? { value: of.value, writable: false, configurable: false } : { configurable: false });
}
`;

const errors = `
const errorClasses = createObject(null);
const classOfError = new WeakMap();
class UserErrorOf extends ErrorOf { constructor(message) { super(message); classOfError.set(this, new.target.title); } }
UserErrorOf.title = 'UserError';
for (const name of ${JSON.stringify(errorNames)}) {
  const made = name === 'UserError' ? UserErrorOf : name === 'PermissionError' || name === 'TickLimitError'
    ? { [name]: class extends ErrorOf { constructor(message) { super(message); classOfError.set(this, name); } } }[name]
    : { [name]: class extends UserErrorOf {} }[name];
  defineProperty(made, 'title', { value: name });
  defineProperty(made, 'name', { value: name });
  defineProperty(made.prototype, 'name', { value: name });
  errorClasses[name] = made;
  freeze(made.prototype); freeze(made);
}
function thrown(name, message) { return new (errorClasses[name] || ErrorOf)(message); }
`;

/** Values to text and back. Runs inside the isolate, under its limits: getters and proxies cost their author only. */
const values = `
const handleIds = new WeakMap(), verbRefs = new WeakMap();
function encode(value) {
  let parts = 0;
  const open = new Set();
  function walk(each, depth) {
    if (depth > limits.payloadDepth) throw thrown('UserError', 'A value is nested too deeply.');
    if (++parts > limits.payloadParts) throw thrown('UserError', 'A value has too many parts.');
    if (each === null || each === undefined || typeof each === 'boolean') return each === undefined ? null : each;
    if (typeof each === 'string') {
      if (each.length > limits.payloadBytes) throw thrown('UserError', 'A value is too large.');
      return each;
    }
    if (typeof each === 'number') {
      if (each !== each || each === Infinity || each === -Infinity) throw thrown('UserError', 'A number is not finite.');
      return each;
    }
    if (typeof each !== 'object') throw thrown('UserError', 'A ' + typeof each + ' cannot leave the verb.');
    if (handleIds.has(each)) return { $moo: 'o:' + handleIds.get(each) };
    if (verbRefs.has(each)) { const ref = verbRefs.get(each); return { $moo: 'v:' + ref.id + ':' + ref.name }; }
    if (open.has(each)) throw thrown('UserError', 'A value refers back to itself.');
    open.add(each);
    let made;
    if (isArray(each)) {
      made = [];
      const length = each.length;
      if (length > limits.payloadParts) throw thrown('UserError', 'A value has too many parts.');
      for (let i = 0; i < length; i++) defineProperty(made, i, { value: walk(each[i], depth + 1), enumerable: true, configurable: true, writable: true });
    } else {
      made = createObject(null);
      for (const key of keysOf(each)) {
        if (key === '$moo' || key === '__proto__' || key === 'constructor' || key === 'prototype') throw thrown('UserError', 'A value has the illegal key "' + key + '".');
        const item = each[key];
        if (item !== undefined) made[key] = walk(item, depth + 1);
      }
    }
    open.delete(each);
    return made;
  }
  return walk(value, 1);
}
function decode(each, frozen) {
  if (each === null || typeof each !== 'object') return each;
  if (isArray(each)) { const made = each.map((item) => decode(item, frozen)); return frozen ? freeze(made) : made; }
  if (typeof each.$moo === 'string') {
    const [kind, id, ...name] = each.$moo.split(':');
    return kind === 'o' ? handle(+id) : verbRef(+id, name.join(':'));
  }
  const made = {};
  for (const key of keysOf(each)) defineProperty(made, key, { value: decode(each[key], frozen), enumerable: true, configurable: true, writable: true });
  return frozen ? freeze(made) : made;
}
`;

const calls = `
// What the host has told of objects beforehand; forgotten with the first call that may change anything.
const previews = new Map(), reading = new Set(['attribute', 'text', 'print', 'caller', 'callerStack', 'can', 'hasProperty', 'getProperty', 'isPlayer', 'isWizard', 'isA', 'hasVerb', 'scratchGet', 'lookup', 'players', 'write']);
let ticks = 0, spent = false, closed = false, lines = [], partial = '';
function tick() {
  if (limits.ticks !== 0 && ++ticks > limits.ticks) { spent = true; throw thrown('TickLimitError', 'Too many loop turns in one task.'); }
}
function ask(operation, given) {
  if (closed) throw thrown('PermissionError', 'This frame is closed.');
  if (spent) throw thrown('TickLimitError', 'Too many loop turns in one task.');
  const used = ticks, printed = lines;
  ticks = 0; lines = [];
  limits.ticks = limits.ticks === 0 ? 0 : limits.ticks - used;
  const text = stringify({ o: operation, a: given, k: used, p: printed });
  if (text.length > limits.payloadBytes) throw thrown('UserError', 'A value is too large.');
  const answer = parse(toHost(text));
  if (typeof answer.k === 'number') limits.ticks = answer.k;
  if (!reading.has(operation)) previews.clear();
  if (answer.c !== undefined) for (const id of keysOf(answer.c)) previews.set(+id, answer.c[id]);
  if (answer.e !== undefined) throw thrown(answer.e, answer.m);
  return decode(answer.v);
}
function say(text) {
  const parts = (partial + text).split('\\n');
  partial = parts.pop();
  for (const line of parts) { if (start.live) ask('print', [line]); else lines.push(line); }
  if (lines.length > 100) ask('print', []);
}
`;

const ending = `
function failure(error) {
  if (error === null || (typeof error !== 'object' && typeof error !== 'function')) return { e: 'Error', m: typeof error === 'string' ? error.slice(0, 2000) : 'a thrown ' + typeof error };
  const name = classOfError.get(error);
  let message, stack;
  try { message = error.message; stack = error.stack; } catch { message = undefined; }
  return { e: name === undefined ? 'Error' : name, m: typeof message === 'string' ? message.slice(0, 2000) : '', s: typeof stack === 'string' ? stack.slice(0, 4000) : '' };
}
function answered(outcome) {
  closed = true;
  if (partial !== '') { lines.push(partial); partial = ''; }
  outcome.k = ticks; outcome.p = lines; outcome.spent = spent;
  const text = stringify(outcome);
  return text.length > limits.payloadBytes + 8192 ? stringify({ e: 'UserError', m: 'A result is too large.', k: ticks, p: [], spent }) : text;
}
`;

/** From the function of the user to the text that leaves the isolate, all within its timed run. */
const run = `
return function (body) {
  try {
    const result = apply(body, start.self === null ? undefined : handle(start.self), []);
    if (result !== null && typeof result === 'object' && typeof result.then === 'function' && !handleIds.has(result))
      throw thrown('UserError', 'A verb is synchronous: it cannot return a promise.');
    return answered({ v: encode(result) });
  } catch (error) {
    return answered(failure(error));
  }
};
`;

const words = JSON.stringify({
  functions: Object.keys(sdkFunctions),
  methods: Object.keys(objectMethods),
  attributes: Object.keys(objectAttributes),
  writable: writableAttributes,
});

/** Takes what a frame starts with as JSON, and the one way out as a reference that never leaves this closure. */
const begin = `
return function (json, reference) {
const start = parse(json);
const limits = start.limits;
const applySync = reference.applySyncPromise;
const toHost = (text) => apply(applySync, reference, [undefined, [text]]);
`;

/**
 * Evaluated once in a new context, ahead of time: hardens the realm. Its value is a function that begins a frame and
 * gives back another one, which runs the body of the verb and answers with text.
 */
export const prelude = `(function () { 'use strict';
${harden}
const words = ${words};
${errors}${begin}${values}${preludeHandles.objects}${calls}${preludeHandles.globals}${ending}${run}
};
})()`;
