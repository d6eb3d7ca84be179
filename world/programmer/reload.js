#!moo verb @reload reload_batch --on $programmer --dspec either --ispec on:any
// One verb, or all of an object, or a list that the task before has handed on.
const reloadAll = (refs) => {
  let done = 0;
  for (const [index, [object, name]] of refs.entries()) {
    if (taskTimeLow()) {
      scheduleContinuation(
        refs.slice(index),
        this.verb('reload_batch'),
        `  Time limit approaching; ${refs.length - index} verb(s) left...`,
      );
      return;
    }
    try {
      object.verb(name).reload();
      done += 1;
    } catch (error) {
      context.player.tell(`  ${name}: ${error.message}`);
    }
  }
  context.player.tell(`Reloaded ${done} verb(s).`);
};
if (verbName === 'reload_batch') return setTaskPerms(context.player, () => reloadAll(args[0]));
const parser = context.parser;
const thing = parser.hasPobjStr('on') ? parser.getPobj('on', { lookup: true }) : parser.getDobj({ lookup: true });
const names = parser.hasPobjStr('on') ? [parser.getDobjStr()] : thing.verbs().map((each) => each.split(' ')[0]);
setTaskPerms(context.player, () => reloadAll(names.map((name) => [thing, name])));
