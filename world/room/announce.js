#!moo verb announce --on $room
const [text, kind] = args;
for (const each of this.contents) {
  if (each.id !== context.player.id && each.isPlayer()) write(each, text, kind ?? 'text');
}
