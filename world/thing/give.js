#!moo verb give hand --on $thing --dspec this --ispec to:any
const to = context.parser.getPobj('at');
this.moveto(to);
print(`You give ${this.name} to ${to.name}.`);
to.tell(`${context.player.name} gives you ${this.name}.`);
