#!moo verb @edit --on $programmer --dspec any --ispec on:any,with:any
// @edit verb NAME on THING with "source"
const parser = context.parser;
const thing = parser.getPobj('on', { lookup: true });
const name = parser.getDobjStr().replace(/^verb\s+/, '');
setTaskPerms(context.player, () => thing.setVerbCode(name, parser.getPobjStr('with')));
print(`${name} of ${thing.name} is changed.`);
