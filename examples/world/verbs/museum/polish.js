#!moo verb polish --on museum --dspec this
const left = context.parser === null ? args[0] : this.contents;
for (const [index, exhibit] of left.entries()) {
  if (taskTimeLow(1)) {
    scheduleContinuation(left.slice(index), this.verb('polish'));
    return;
  }
  exhibit.polished = (exhibit.hasProperty('polished') ? exhibit.polished : 0) + 1;
}
context.player.tell(`Everything shines: ${this.contents.filter((each) => each.polished > 0).length} exhibits.`);
