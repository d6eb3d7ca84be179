#!moo verb tick --on $daemon
this.on_tick();
