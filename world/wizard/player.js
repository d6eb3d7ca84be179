#!moo verb @player --on $wizard --dspec any
const made = create(context.parser.getDobjStr(), { parents: [$.programmer] });
made.makePlayer();
made.location = $.lobby;
made.owner = made;
print(`${made} is a player now.`);
