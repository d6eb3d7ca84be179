#!moo verb @list --on $programmer --dspec any --ispec on:any
const thing = context.parser.getPobj('on', { lookup: true });
const source = setTaskPerms(context.player, () => thing.verbSource(context.parser.getDobjStr()));
source.split('\n').forEach((line, index) => print(`${String(index + 1).padStart(4)}  ${line}`));
