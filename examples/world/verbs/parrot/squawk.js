#!moo verb squawk --on parrot --dspec this
// Typed by a player it only arms the timer; what comes then is a task of its own, and its result goes to `say`.
if (context.parser) {
  const delay = this.hasProperty('pause') ? this.pause : 2;
  invoke(this.verb('squawk'), { kwargs: { value: 0 }, delay, callback: this.verb('repeat') });
  print('The parrot looks at you.');
  return;
}
return `A parrot squawks ${kwargs.value + 1}.`;
