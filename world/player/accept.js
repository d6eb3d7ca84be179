#!moo verb accept --on $player
return true;
