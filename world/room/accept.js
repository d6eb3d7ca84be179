#!moo verb accept --on $room
return true;
