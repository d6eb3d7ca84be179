#!moo verb announce_all --on $room
const [text, kind] = args;
for (const each of this.contents) if (each.isPlayer()) write(each, text, kind ?? 'text');
