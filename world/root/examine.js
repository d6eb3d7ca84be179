#!moo verb examine ex*amine --on $root_class --dspec this
print(`${this.name} (#${this.id}), owned by ${this.owner === null ? 'nobody' : this.owner.name}`);
const aliases = this.aliases;
if (aliases.length > 0) print(`Also called ${aliases.join(', ')}.`);
print(this.description);
const verbs = this.verbs();
if (verbs.length > 0) print(`Verbs: ${verbs.map((names) => names.split(' ')[0]).join(', ')}`);
