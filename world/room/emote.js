#!moo verb emote : --on $room --dspec either --ispec any:any
const text = context.parser.command.replace(/^\s*\S+\s*/, '');
this.announce_all(`${context.player.name} ${text}`, 'emote');
