#!moo verb @chmod --on $programmer --dspec any --ispec on:any
// @chmod allow|deny|revoke WHO PERMISSION on THING[:verb|.property]
const [rule, who, permission] = context.parser.getDobjStr().split(/\s+/);
const [, what, kind, name] = /^([^:.]+)(?:([:.])(.+))?$/.exec(context.parser.getPobjStr('on'));
const accessor = ['everyone', 'owners', 'wizards'].includes(who) ? who : lookup(who);
const on = kind === undefined ? undefined : kind === ':' ? { verb: name } : { property: name };
if (!['allow', 'deny', 'revoke'].includes(rule)) throw new UsageError('Write @chmod allow everyone read on thing.');
const thing = lookup(what);
setTaskPerms(context.player, () => {
  if (rule === 'allow') thing.allow(permission, accessor, on);
  else if (rule === 'deny') thing.deny(permission, accessor, on);
  else thing.revoke(permission, accessor, on);
});
print('Done.');
