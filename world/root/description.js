#!moo verb describe_self --on $root_class
return this.description;
