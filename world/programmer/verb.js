#!moo verb @verb --on $programmer --dspec any --ispec on:any,with:any
// @verb NAMES on THING with "source"
const parser = context.parser;
const thing = parser.getPobj('on', { lookup: true });
const source = parser.hasPobjStr('with') ? parser.getPobjStr('with') : '';
setTaskPerms(context.player, () => thing.addVerb(parser.getDobjStr(), source, { dobj: 'either' }));
print(`${parser.getDobjStr()} is a verb of ${thing.name} now.`);
