#!moo verb @show --on $programmer --dspec any
const thing = context.parser.getDobj({ lookup: true });
setTaskPerms(context.player, () => {
  print(`${thing} owned by ${thing.owner}, in ${thing.location}`);
  print(`Parents: ${thing.parents.map(String).join(', ')}`);
  for (const names of thing.verbs()) print(`Verb ${names}`);
  for (const name of thing.properties()) print(`Property ${name}`);
  for (const rule of thing.rules()) print(`Rule ${rule}`);
});
