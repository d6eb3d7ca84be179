#!moo verb i*nventory --on $player
const carried = context.player.contents.map((each) => each.name);
print(carried.length === 0 ? 'You carry nothing.' : `You carry: ${carried.join(', ')}.`);
