#!moo verb whisper --on $player --dspec any --ispec to:any
const to = context.parser.getPobj('at');
to.tell(`${context.player.name} whispers, "${context.parser.getDobjStr()}"`);
print(`You whisper to ${to.name}.`);
