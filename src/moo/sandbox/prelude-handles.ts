/** The parts of the prelude that make objects, verbs and the context look natural. */
export const preludeHandles = {
  /** A handle is a proxy on nothing: what it is asked for it asks the worker for, except what engines ask of any object. */
  objects: `
const handles = new Map();
const never = new Set(['then', 'toJSON', 'constructor', '__proto__', 'prototype', 'valueOf']);
const methodNames = new Set(words.methods), attributeNames = new Set(words.attributes), writableNames = new Set(words.writable);
function knownProperty(id, name) {
  const told = previews.get(id);
  return told !== undefined && told.has !== undefined && typeof name === 'string' && hasOwn(told.has, name) ? told.has[name] : undefined;
}
function handle(id) {
  const known = handles.get(id);
  if (known !== undefined) return known;
  const made = new ProxyOf(freeze(createObject(null)), {
    get(_target, name) {
      if (name === Symbol.toPrimitive) return (hint) => (hint === 'number' ? id : ask('text', [id]));
      if (typeof name === 'symbol' || never.has(name)) return undefined;
      if (name === 'id') return id;
      if (name === 'toString') return () => ask('text', [id]);
      if (name === 'verb') return (verb) => ask('verbRef', [id, String(verb)]);
      const told = previews.get(id);
      if (told !== undefined && (name === 'name' || name === 'obvious')) return told[name];
      if (told !== undefined && name === 'isPlayer') return () => told.isPlayer;
      if (name === 'hasProperty') return (wanted) => knownProperty(id, wanted) ?? ask(name, [id, ...encode([wanted])]);
      if (told !== undefined && name === 'contents' && told.contents !== undefined) return told.contents.map((each) => handle(each));
      if (attributeNames.has(name)) return ask('attribute', [id, name]);
      if (methodNames.has(name)) return (...given) => ask(name, [id, ...encode(given)]);
      if (told !== undefined && told.props !== undefined && hasOwn(told.props, name)) return decode(told.props[name]);
      const found = ask('member', [id, name]);
      return found.verb === true ? (...given) => ask('call', [id, name, encode(given)]) : found.value;
    },
    set(_target, name, value) {
      if (typeof name === 'symbol' || never.has(name)) throw thrown('UserError', 'That name cannot be a property.');
      if (writableNames.has(name)) ask('setAttribute', [id, name, encode(value)]);
      else if (attributeNames.has(name) || methodNames.has(name) || name === 'id' || name === 'verb' || name === 'toString') throw thrown('UserError', '"' + name + '" cannot be assigned.');
      else ask('setProperty', [id, name, encode(value)]);
      return true;
    },
    has: (_target, name) => typeof name === 'string' && !never.has(name) && (knownProperty(id, name) ?? ask('hasProperty', [id, name])),
    deleteProperty: (_target, name) => typeof name === 'string' && ask('removeProperty', [id, name]),
    defineProperty() { throw thrown('UserError', 'Assign the property instead.'); },
    setPrototypeOf: () => false,
  });
  handles.set(id, made);
  handleIds.set(made, id);
  return made;
}
function verbRef(id, name) {
  const made = freeze({ __proto__: null, name, object: handle(id),
    call: (...given) => ask('call', [id, name, encode(given)]),
    reload: () => ask('reloadVerb', [id, name]),
    toString: () => name + ' on ' + ask('text', [id]) });
  verbRefs.set(made, { id, name });
  return made;
}
`,
  /** What verbs find under global names. The worker is asked for what may change; the rest came with the frame. */
  globals: `
function parserOf(parsed) {
  if (parsed === null) return null;
  const missing = (what) => { throw thrown('NoSuchObjectError', "There is no '" + what + "' here."); };
  const of = (prep) => parsed.preps[prep] || [];
  const need = (prep) => { const found = of(prep)[0]; if (found === undefined) throw thrown('UsageError', "I don't understand you."); return found; };
  return freeze({ command: parsed.command, words: freeze(parsed.words), verb: parsed.words[0],
    hasDobj: () => parsed.dobj !== null, hasDobjStr: () => parsed.dobjText !== '',
    getDobjStr() { if (parsed.dobjText === '') throw thrown('UsageError', 'What do you mean?'); return parsed.dobjText; },
    getDobj(options) {
      if (parsed.dobj !== null) return decode(parsed.dobj);
      if (parsed.dobjText === '') throw thrown('UsageError', 'What do you mean?');
      return options && options.lookup ? ask('lookup', [parsed.dobjText]) : missing(parsed.dobjText);
    },
    hasPobj: (prep) => of(prep).some((each) => each.object !== null), hasPobjStr: (prep) => of(prep).length > 0,
    getPobjStr: (prep) => need(prep).text,
    getPobj(prep, options) {
      const found = need(prep);
      if (found.object !== null) return decode(found.object);
      return options && options.lookup ? ask('lookup', [found.text]) : missing(found.text);
    } });
}
if (start.told !== undefined) for (const id of keysOf(start.told)) previews.set(+id, start.told[id]);
const parser = parserOf(start.parser);
const timed = (limit) => freeze({ elapsed: (now() - start.begun) / 1000, timeLimit: limit, remaining: (start.begun + limit * 1000 - now()) / 1000 });
const context = freeze({
  get player() { return start.player === null ? null : handle(start.player); },
  get caller() { return ask('caller', []); },
  get callerStack() { return freeze(ask('callerStack', [])); },
  get parser() { return parser; },
  get taskId() { return start.taskId; },
  get taskTime() { return timed(start.timeLimit); },
  scratch: new ProxyOf(freeze(createObject(null)), {
    get: (_target, name) => (typeof name === 'symbol' || never.has(name) ? undefined : ask('scratchGet', [name])),
    set(_target, name, value) { ask('scratchSet', [String(name), encode(value)]); return true; },
  }),
});
function shown(value) { return typeof value === 'string' ? value : typeof value === 'object' && value !== null ? encode(value) : String(value); }
const print = (...given) => {
  const flat = given.map(shown);
  say((flat.every((each) => typeof each === 'string') ? flat.join(' ') : ask('text', [flat])) + '\\n');
};
const globals = {
  context, print, emit: (...given) => { say(given.map((each) => typeof each === 'string' ? each : ask('text', [[shown(each)]])).join(' ')); },
  args: decode(start.args, true), kwargs: decode(start.kwargs, true), verbName: start.verbName,
  self: start.self === null ? undefined : handle(start.self), _: handle(1), $: handle(1),
  passthrough: (...given) => ask('passthrough', [encode(given)]),
  setTaskPerms(who, work) {
    ask('pushPerms', [encode(who)]);
    try { return work(); } finally { ask('popPerms', []); }
  },
  taskTimeLow: (seconds) => timed(start.timeLimit).remaining <= (seconds === undefined ? 0.5 : seconds),
  scheduleContinuation(items, verb, message) {
    ask('invoke', [encode(verb), { args: [encode(items)] }]);
    const text = message === undefined ? '  Continuing (' + items.length + ' remaining)...' : String(message);
    if (start.player !== null) context.player.tell(text);
  },
  console: freeze({ log: print }),
  $tick: tick,
};
for (const name of words.functions) globals[name] = (...given) => ask(name, encode(given));
for (const name of keysOf(errorClasses)) globals[name] = errorClasses[name];
for (const name of keysOf(globals)) {
  if (typeof globals[name] === 'function') freeze(globals[name]);
  defineProperty(globalThis, name, { value: globals[name], enumerable: false, writable: false, configurable: false });
}
`,
};
