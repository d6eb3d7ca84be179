#!moo verb on_tick --on clock
// A daemon: `enable clock` has it called on its schedule, every `interval` seconds.
this.count = (this.hasProperty('count') ? this.count : 0) + 1;
this.description = `A tall clock. It has ticked ${this.count} times.`;
