#!moo verb match --on $root_class
const found = this.find(args[0]);
if (found.length === 1) return found[0];
return found.length === 0 ? $.failed_match : $.ambiguous_match;
