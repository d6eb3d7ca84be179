#!moo verb drop --on $thing --dspec this
if (this.location !== context.player) throw new UserError(`You do not have ${this.name}.`);
this.moveto(context.player.location);
print(`You drop ${this.name}.`);
