#!moo verb take get --on $thing --dspec this
if (this.location === context.player) throw new UserError(`You have ${this.name} already.`);
if (!this.moveto(context.player)) throw new UserError(`You cannot take ${this.name}.`);
print(`You take ${this.name}.`);
