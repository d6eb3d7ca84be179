#!moo verb @eval --on $programmer --dspec either --ispec any:any
const source = context.parser.command.replace(/^\s*\S+\s*/, '');
setTaskPerms(context.player, () => print('=>', mooEval(source)));
