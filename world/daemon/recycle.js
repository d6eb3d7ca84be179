#!moo verb recycle --on $daemon
if (this.hasProperty('task') && this.task !== null) cancelScheduledTask(this.task);
