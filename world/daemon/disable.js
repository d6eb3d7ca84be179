#!moo verb disable --on $daemon --dspec this
if (this.hasProperty('task') && this.task !== null) cancelScheduledTask(this.task);
this.task = null;
print(`${this.name} is disabled.`);
