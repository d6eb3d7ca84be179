#!moo verb huh --on $room --dspec either
const parser = context.parser;
if (parser.words.length === 1 && this.hasProperty('exits')) {
  const to = this.exits[parser.words[0].toLowerCase()];
  if (to !== undefined) {
    context.player.moveto(to);
    print(`You go ${parser.words[0]}.`);
    return;
  }
}
if (parser.hasDobjStr() && !parser.hasDobj()) throw new NoSuchObjectError(`There is no '${parser.getDobjStr()}' here.`);
throw new UserError("I don't know how to do that.");
