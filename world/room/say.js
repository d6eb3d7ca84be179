#!moo verb say " --on $room --dspec either --ispec any:any
const text = context.parser.command.replace(/^\s*\S+\s*/, '').replace(/^"(.*)"$/, '$1');
if (text === '') throw new UsageError('What do you want to say?');
const who = context.player;
write(who, `You say, "${text}"`, 'say');
this.announce(`${who.name} says, "${text}"`, 'say');
