#!moo verb announce_all_but --on $room
const [but, text] = args;
for (const each of this.contents) {
  if (each.isPlayer() && !but.includes(each)) write(each, text);
}
