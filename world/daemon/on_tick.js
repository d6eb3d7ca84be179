#!moo verb on_tick --on $daemon
this.count = (this.hasProperty('count') ? this.count : 0) + 1;
