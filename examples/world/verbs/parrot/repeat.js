#!moo verb repeat --on parrot
for (const who of this.location.contents) if (who.isPlayer()) who.tell(args[0]);
