#!moo verb moveto --on $thing
const [where] = args;
if (where.hasProperty('locked') && where.locked === true) return false;
return passthrough(where);
