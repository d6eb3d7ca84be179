#!moo verb @recycle --on $programmer --dspec any
const thing = context.parser.getDobj({ lookup: true });
const name = String(thing);
setTaskPerms(context.player, () => thing.recycle());
print(`${name} is gone.`);
