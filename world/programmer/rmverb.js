#!moo verb @rmverb --on $programmer --dspec any --ispec on:any
const thing = context.parser.getPobj('on', { lookup: true });
const name = context.parser.getDobjStr();
setTaskPerms(context.player, () => thing.removeVerb(name));
print(`${name} of ${thing.name} is removed.`);
