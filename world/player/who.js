#!moo verb @who --on $player
for (const each of players()) print(`${each.name} (#${each.id})${each.isWizard() ? ', wizard' : ''}`);
