#!moo verb enable --on $daemon --dspec this
if (this.hasProperty('task') && this.task !== null && getScheduledTaskInfo(this.task) !== null) {
  print(`${this.name} is enabled already.`);
  return;
}
this.task = invoke(this.verb('tick'), { every: this.hasProperty('interval') ? this.interval : 60 });
print(`${this.name} is enabled.`);
