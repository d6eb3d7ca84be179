/**
 * Ours and the peers, side by side in one run: `npm run bench [-- --quick] [--only chains,lone] [--json FILE] [--chart FILE]`.
 * `--no-peers` measures ours alone, and so what is compared with nobody.
 * Ends with 1 when a question could not be answered; a goal that is missed is a result, not an error.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chart } from './chart.ts';
import type { Bench, Row } from './measure.ts';
import { questions } from './questions.ts';
import { lineOf, tableOf } from './report.ts';
import { startServers } from './servers.ts';

const { values } = parseArgs({
  allowNegative: true,
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    json: { type: 'string' },
    chart: { type: 'string' },
    table: { type: 'string' },
    peers: { type: 'boolean', default: true },
  },
});
const wanted = values.only?.split(',') ?? Object.keys(questions);
const unknown = wanted.filter((name) => !(name in questions));
if (unknown.length > 0) {
  process.stderr.write(`--only knows ${Object.keys(questions).join(', ')}; not ${unknown.join(', ')}\n`);
  process.exit(2);
}
if (values.peers) installPeers();

const quick = values.quick;
const size = { quick, rounds: quick ? 1 : 5, chains: quick ? 50 : 500, concurrency: 50 };
await using servers = await startServers();
const notes: string[] = [];
const bench: Bench = {
  peers: values.peers,
  size,
  servers,
  versions: { ...servers.versions },
  note(text) {
    notes.push(text);
    process.stdout.write(`  (${text})\n`);
  },
};
process.stdout.write(`${machine()}; ${size.rounds} runs of each${quick ? ', quick: not to be quoted' : ''}\n`);
const rows: Row[] = [];
for (const name of wanted) {
  process.stdout.write(`\n${name}\n`);
  try {
    const found = (await questions[name]?.(bench)) ?? [];
    rows.push(...found);
    for (const row of found) process.stdout.write(`  ${lineOf(row)}\n`);
  } catch (error) {
    process.exitCode = 1;
    bench.note(`${name} has no answer: ${Error.isError(error) ? error.message : String(error)}`);
  }
}
const missed = rows.filter(({ met }) => !met);
process.stdout.write(`\n${rows.length} rows, ${missed.length} of the goals missed\n`);
process.stdout.write(
  `${Object.entries(bench.versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')}\n`,
);
if (values.json !== undefined) {
  const result = { machine: machine(), at: new Date().toISOString(), size, versions: bench.versions, notes, rows };
  await writeFile(values.json, `${JSON.stringify(result, null, 2)}\n`);
}
if (values.chart !== undefined) await writeFile(values.chart, chart(rows));
if (values.table !== undefined) await writeFile(values.table, tableOf(rows));

/** Theirs, and only theirs: they are no dependencies of ours. */
function installPeers(): void {
  const folder = fileURLToPath(new URL('peers', import.meta.url));
  if (existsSync(`${folder}/node_modules`)) return;
  process.stdout.write('The peers are installed into bench/peers …\n');
  const { status } = spawnSync('npm', ['ci', '--prefix', folder, '--no-audit', '--no-fund'], { stdio: 'inherit' });
  if (status !== 0) process.stderr.write('!!! The peers could not be installed: their figures are missing.\n');
}

function machine(): string {
  const [cpu] = cpus();
  return `${cpus().length} × ${cpu?.model ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GB, Node ${process.version}`;
}
