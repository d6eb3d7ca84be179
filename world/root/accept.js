#!moo verb accept --on $root_class
// Nothing goes into a thing that does not say so.
return false;
