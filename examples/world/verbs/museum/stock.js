#!moo verb stock --on museum --dspec this
// A task makes at most 200 objects, so 500 exhibits are the work of several: each hands the rest to the next one.
const wanted = context.parser === null ? args[0] : Array.from({ length: 500 }, (_, index) => index + 1);
for (const [index, number] of wanted.entries()) {
  if (index === 150 || taskTimeLow()) {
    scheduleContinuation(wanted.slice(index), this.verb('stock'));
    return;
  }
  create(`exhibit ${number}`, { location: this });
}
context.player.tell(`The museum has ${this.contents.length} exhibits.`);
