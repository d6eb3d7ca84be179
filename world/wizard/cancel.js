#!moo verb @cancel --on $wizard --dspec any
print(cancelScheduledTask(context.parser.getDobjStr()) ? 'Canceled.' : 'There is no such schedule.');
