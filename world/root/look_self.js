#!moo verb look_self --on $root_class
context.player.tell(`${this.name}: ${this.description}`);
