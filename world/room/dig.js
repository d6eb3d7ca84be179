#!moo verb @dig --on $room --dspec any --ispec to:any
const room = create(context.parser.getPobjStr('at'), { parents: [$.room] });
const exits = this.hasProperty('exits') ? { ...this.exits } : {};
exits[context.parser.getDobjStr().toLowerCase()] = room;
this.exits = exits;
print(`You dig ${context.parser.getDobjStr()} to ${room}.`);
