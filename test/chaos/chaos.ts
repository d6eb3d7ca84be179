/**
 * `npm run chaos -- --seed N --minutes M [--broker postgres|redis] [--sabotage NAME|list]`
 *
 * Real processes under real faults; exits with 1 and says what broke. A sabotage takes one guard out of the protocol,
 * and then 1 is the good answer.
 */
import { runChaos } from './chaos-run.ts';
import { parseChaosOptions, usage, type ChaosOptions } from './chaos-options.ts';
import { reportLines } from './report.ts';
import { sabotages } from './sabotages.ts';

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function main({ seed, minutes, brokers, sabotage }: ChaosOptions): Promise<number> {
  let isBroken = false;
  for (const broker of brokers) {
    const under = sabotage === undefined ? '' : `, sabotage ${sabotage.name}: ${sabotage.what}`;
    say(`chaos: --seed ${seed} --minutes ${minutes} --broker ${broker}${under}`);
    const report = await runChaos({ seed, minutes, broker, sabotage });
    for (const line of reportLines(report)) say(line);
    const broken = report.verdicts.filter(({ rows }) => rows.length > 0).length;
    say(broken === 0 ? `chaos: nothing broke (${broker})` : `chaos: ${broken} rules broke (${broker})`);
    isBroken ||= broken > 0;
  }
  return isBroken ? 1 : 0;
}

process.setMaxListeners(0);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
try {
  const options = parseChaosOptions(process.argv.slice(2));
  if (options === 'list') for (const { name, what } of sabotages) say(`${name}: ${what}`);
  else process.exitCode = await main(options);
} catch (error) {
  say(`${Error.isError(error) ? (error.stack ?? error.message) : String(error)}\n${usage}`);
  process.exitCode = 2;
}
