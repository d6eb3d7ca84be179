#!moo verb accept --on $container
return true;
