#!moo verb moveto --on $root_class
const [where] = args;
setTaskPerms(this.owner, () => {
  this.location = where;
});
return true;
