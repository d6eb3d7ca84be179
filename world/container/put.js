#!moo verb put --on $container --dspec any --ispec in:this
const thing = context.parser.getDobj();
thing.moveto(this);
print(`You put ${thing.name} in ${this.name}.`);
