#!moo verb tell --on $root_class
// Things do not listen; players do.
