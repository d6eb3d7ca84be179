import { ReeveError } from '../../src/index.ts';
import type { DemoOptions } from './demo-options.ts';
import type { Manifest } from './manifest.ts';
import { progressView, seconds } from './progress-view.ts';
import { totalsOf, verdictOf, type DemoReport } from './report.ts';
import { reportText } from './report-text.ts';
import { WorkerProcesses } from './worker-processes.ts';
import { makeWorkplace, requireEmpty, type Workplace } from './workplace.ts';

const queues = ['tasks', 'heavy', 'background'];

/** One run, from an empty folder to the report; whatever happens, nothing is left that was not to be kept. */
export async function runDemo(manifest: Manifest, options: DemoOptions, signal: AbortSignal): Promise<number> {
  const startedAt = performance.now();
  const output = options.json ? process.stderr : process.stdout;
  const notice = (text: string): void => void process.stderr.write(`${text}\n`);
  const givenUrl = process.env['DATABASE_URL'] || undefined;
  requireAdminUrl(manifest);
  if (options.keep !== undefined) await requireEmpty(options.keep);
  output.write(introduction(manifest, givenUrl));

  const report = await (async (): Promise<DemoReport> => {
    await using stack = new AsyncDisposableStack();
    const workplace = await makeWorkplace(stack, { keep: options.keep, givenUrl, notice });
    const logLevel = process.env['REEVE_LOG_LEVEL'] ?? 'info';
    setEnvironment(workplace, options);
    signal.throwIfAborted();
    const serverMs = performance.now() - startedAt;

    // The processes load their modules while the tables are made here.
    const workers = new WorkerProcesses(queues, { log: options.verbose ? 2 : workplace.log, logLevel });
    stack.defer(() => workers.stop());
    // Only now, since the configuration reads the environment when it is loaded.
    const { openSession, Session } = await import('./session.ts');
    const redisUrl = process.env['REDIS_URL'] || undefined;
    const isForeign = givenUrl !== undefined || manifest.server.adminUrlFrom !== 'DATABASE_URL';
    const isKept = options.keep !== undefined;
    await openSession(stack, {
      dropDatabases: isForeign && !isKept,
      redisUrl: isKept ? undefined : redisUrl,
      notice,
    });
    // Registered again, so that they stop before anything that they use is taken away.
    stack.defer(() => workers.stop());
    const session = new Session(manifest, process.env[manifest.server.adminUrlFrom] ?? workplace.url);
    await session.prepare();
    await workers.start(signal);
    const workersMs = performance.now() - startedAt - serverMs;
    output.write(`${seconds(startedAt)}  server and workers are up (pids ${workers.pids.join(', ')})\n`);

    const provisionedFrom = performance.now();
    await session.provision(progressView(output, startedAt, options.verbose), signal);
    const checkedFrom = performance.now();
    const { databases, login, pulledDatabases } = await session.check();
    const provisionMs = checkedFrom - provisionedFrom;
    const checkMs = performance.now() - checkedFrom;
    return {
      manifest: manifest.file,
      server: workplace.server,
      broker: redisUrl === undefined ? 'postgres' : 'redis',
      workers: queues.map((queue, index) => ({ queue, pid: workers.pids[index] ?? 0 })),
      databases,
      login,
      pulledDatabases,
      totals: totalsOf(databases),
      durationsMs: rounded({ server: serverMs, workers: workersMs, provision: provisionMs, check: checkMs, total: 0 }),
      kept: isKept ? workplace.folder : null,
      verdict: verdictOf(databases, login),
    };
  })();

  const total = Math.round(performance.now() - startedAt);
  const timed = { ...report, durationsMs: { ...report.durationsMs, total } };
  if (options.json) process.stdout.write(`${JSON.stringify(timed, undefined, 2)}\n`);
  else
    process.stdout.write(
      `\n${reportText(timed, process.stdout.isTTY ? process.stdout.columns : Infinity)}${whereNext(timed)}`,
    );
  return timed.verdict.exitCode;
}

/** The manifest may name another server than the one of the ledger; then its URL must be there. */
function requireAdminUrl({ file, server }: Manifest): void {
  const { adminUrlFrom } = server;
  if (adminUrlFrom === 'DATABASE_URL' || (process.env[adminUrlFrom] ?? '') !== '') return;
  const problem = `${file}:1: server.adminUrlFrom names the environment variable ${adminUrlFrom}, which is not set`;
  throw new ReeveError('MANIFEST_INVALID', problem, { details: { problems: [problem] } });
}

/** For this process, whose log would spoil the picture, and for the workers, which inherit the rest. */
function setEnvironment(workplace: Workplace, options: DemoOptions): void {
  process.env['DATABASE_URL'] = workplace.url;
  process.env['PROVISION_SECRETS'] = workplace.secretsFile;
  if (!options.verbose) process.env['REEVE_LOG_LEVEL'] = 'silent';
}

function introduction({ file, databases }: Manifest, givenUrl: string | undefined): string {
  const server = givenUrl === undefined ? 'an embedded PostgreSQL, started now' : 'the PostgreSQL of DATABASE_URL';
  const broker = (process.env['REDIS_URL'] ?? '') === '' ? 'the same (no REDIS_URL)' : 'Redis (REDIS_URL)';
  const followUps = databases.reduce((sum, database) => sum + database.afterwards.length, 0);
  return `${databases.length} databases of ${file}, on ${server}; broker: ${broker}.
Each is one executor: role, database (queue heavy), wait until it answers, grants, a task; ${followUps} are then resized, renamed, deleted.
Three worker processes serve the queues ${queues.join(', ')}. At the end the server itself is asked what it holds.
`;
}

function whereNext({ kept, databases }: DemoReport): string {
  const id = databases.find(({ error }) => error !== null)?.executions.at(-1) ?? databases[0]?.executions[0] ?? '';
  const look =
    kept === null
      ? 'Nothing was left behind; --keep DIR keeps data, secrets and logs.'
      : `Kept in ${kept}: npm run demo -- --open ${kept} starts its server again and says how to connect.`;
  return `
${look}
Where to look next: examples/provision/reeve.config.ts (the executors, about 100 lines), README.md, and with a
kept ledger: reeve executions show ${id}
`;
}

function rounded<K extends string>(durations: Readonly<Record<K, number>>): Record<K, number> {
  return Object.fromEntries(Object.entries<number>(durations).map(([name, ms]) => [name, Math.round(ms)])) as Record<
    K,
    number
  >;
}
