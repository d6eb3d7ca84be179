#!moo verb trigger --on $daemon --dspec this
this.tick();
print(`${this.name} has ticked.`);
