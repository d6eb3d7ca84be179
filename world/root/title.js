#!moo verb title --on $root_class
return this.name;
