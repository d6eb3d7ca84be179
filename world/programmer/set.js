#!moo verb @set --on $programmer --dspec any --ispec to:any
// @set THING.PROPERTY to JSON
const [, what, name] = /^(.+)\.([^.]+)$/.exec(context.parser.getDobjStr()) ?? [];
if (what === undefined) throw new UsageError('Write @set thing.property to value.');
const text = context.parser.getPobjStr('at');
let value;
try {
  value = JSON.parse(text);
} catch {
  value = text;
}
const thing = lookup(what);
setTaskPerms(context.player, () => thing.setProperty(name, value));
print(`${thing.name}.${name} is set.`);
