#!moo verb home --on $player
context.player.moveto($.lobby);
print('You are back where everything begins.');
