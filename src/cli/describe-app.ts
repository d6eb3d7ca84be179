import { hostname } from 'node:os';
import type { DataSource } from 'typeorm';
import { packageVersion } from '../core/package-version.ts';
import { shown } from './shown-path.ts';
import type { App } from './load-app.ts';
import { styled } from './terminal.ts';

/** What a process that serves queues says of itself when it is ready; with --json this is its one document. */
export interface WorkerBanner {
  readonly event: 'worker.ready';
  readonly id: string;
  readonly pid: number;
  readonly host: string;
  readonly version: string;
  readonly node: string;
  readonly app: string;
  /** Without the password. */
  readonly database: string;
  readonly schema: string;
  readonly broker: { readonly kind: 'redis' | 'postgres'; readonly address: string };
  /** The queues that are served, with their concurrency. */
  readonly queues: Readonly<Record<string, number>>;
  readonly tasks: number;
  readonly executors: number;
}

export function workerBanner(app: App, id: string, queues: Readonly<Record<string, number>>): WorkerBanner {
  const { dataSource, schema, redis, brokerSchema, tasks, executors } = app.reeve.options;
  const database = describeDatabase(dataSource);
  return {
    event: 'worker.ready',
    id,
    pid: process.pid,
    host: hostname(),
    version: packageVersion(),
    node: process.version,
    app: shown(app.file),
    database,
    schema,
    broker:
      redis === undefined
        ? { kind: 'postgres', address: `${database} schema ${brokerSchema}` }
        : { kind: 'redis', address: withoutPassword(redis) },
    queues,
    tasks: tasks.length,
    executors: executors.length,
  };
}

export function bannerText(banner: WorkerBanner): string {
  const queues = Object.entries(banner.queues).map(([name, concurrency]) => `${name} ×${concurrency}`);
  const broker = banner.broker.kind === 'redis' ? banner.broker.address : `PostgreSQL, ${banner.broker.address}`;
  const rows = [
    ['app', banner.app],
    ['database', `${banner.database} schema ${banner.schema}`],
    ['broker', broker],
    ['queues', queues.join(', ')],
    ['tasks', `${banner.tasks}, executors ${banner.executors}`],
    ['worker', banner.id],
  ] as const;
  const title = `${styled('bold', `reeve ${banner.version}`)}  node ${banner.node}  ${banner.host}/${banner.pid}`;
  return [title, ...rows.map(([name, value]) => `  ${styled('dim', name.padEnd(10))}${value}`)].join('\n');
}

/** The address of the database of a DataSource, without the password. */
export function describeDatabase({ options }: DataSource): string {
  if (options.type !== 'postgres') return options.type;
  if (options.url !== undefined) return withoutPassword(options.url);
  const user = options.username === undefined ? '' : `${options.username}@`;
  const port = options.port === undefined ? '' : `:${options.port}`;
  const host = options.host ?? process.env['PGHOST'] ?? 'localhost';
  return `postgres://${user}${host}${port}/${options.database ?? process.env['PGDATABASE'] ?? ''}`;
}

function withoutPassword(address: string): string {
  if (!URL.canParse(address)) return 'an address that is not a URL';
  const url = new URL(address);
  url.password = '';
  // Passwords and keys may stand in the query too.
  url.search = '';
  return url.href;
}
