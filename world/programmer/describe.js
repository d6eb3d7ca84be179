#!moo verb @describe --on $programmer --dspec any --ispec as:any
const thing = context.parser.getDobj({ lookup: true });
setTaskPerms(context.player, () => {
  thing.description = context.parser.getPobjStr('as');
});
print(`${thing.name} is described.`);
