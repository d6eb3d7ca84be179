#!moo verb tell --on $player
write(this, args.join(' '));
