#!moo verb @create --on $programmer --dspec any --ispec from:any
const parser = context.parser;
const made = setTaskPerms(context.player, () =>
  create(parser.getDobjStr(), {
    location: context.player,
    parents: [parser.hasPobjStr('from') ? parser.getPobj('from', { lookup: true }) : $.thing],
  }),
);
print(`You now have ${made}.`);
