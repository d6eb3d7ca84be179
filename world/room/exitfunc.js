#!moo verb exitfunc --on $room
const [who] = args;
if (who.isPlayer()) this.announce_all_but([who], `${who.name} has left.`);
