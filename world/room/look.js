#!moo verb l*ook --on $room --dspec either --ispec at:any,in:any
const parser = context.parser;
if (parser.hasDobjStr()) {
  print(parser.getDobj().description);
  return;
}
if (parser.hasPobjStr('at')) {
  print(parser.getPobj('at').description);
  return;
}
if (parser.hasPobjStr('in')) {
  const box = parser.getPobj('in');
  const inside = box.contents.map((each) => each.name);
  print(inside.length === 0 ? `${box.name} is empty.` : `In ${box.name}: ${inside.join(', ')}.`);
  return;
}
print(this.name);
print(this.description);
const here = this.contents.filter((each) => each.id !== context.player.id && each.obvious).map((each) => each.name);
if (here.length > 0) print(`You see here: ${here.join(', ')}.`);
const exits = this.hasProperty('exits') ? Object.keys(this.exits) : [];
if (exits.length > 0) print(`Exits: ${exits.join(', ')}.`);
