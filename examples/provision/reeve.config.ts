import { z } from 'zod';
// In an application of yours: from 'reeve'.
import {
  backendNotFound,
  defineActionExecutor,
  defineBackgroundTask,
  defineCreateExecutor,
  defineDeleteExecutor,
  defineReeve,
  defineResource,
  defineTask,
  defineUpdateExecutor,
  EnvironmentSecrets,
  FileSecrets,
  lifecycle,
  PostgresBackend,
} from '../../src/index.ts';
import { DatabaseSchema, ServerSchema, type Server } from './entities.ts';
import { dataSource } from './ormconfig.ts';

/** The passwords of the roles: rows and ledger hold only their names, the backend reads them when it needs them. */
export const secrets = new FileSecrets(process.env['PROVISION_SECRETS'] ?? '.reeve/provision-secrets.json');

const adminUrls = new EnvironmentSecrets({ prefix: '' });

/** The driver of one server; the URL with its password is read anew for each call. */
export function backendOf(server: Server, signal?: AbortSignal): PostgresBackend {
  const url = (): Promise<string> => adminUrls.resolve(server.adminUrlFrom);
  return new PostgresBackend(signal === undefined ? { url, secrets } : { url, secrets, signal });
}

/** A tracked resource: an entity with states, and the driver of the system where the real thing lives. */
export const database = defineResource(DatabaseSchema, {
  name: 'postgres.database',
  states: lifecycle,
  relations: ['server'],
  backend: (db, { signal }) => backendOf(db.server, signal),
});

/** Stands for the mail or the web hook that tells somebody; the log is enough here. */
export const announce = defineTask({
  name: 'provision.announce',
  input: z.object({ name: z.string() }),
  retry: { attempts: 3, delay: '1s' },
  run: ({ name }, { logger }) => {
    logger.info({ database: name }, `database ${name} is ready`);
    return { announced: name };
  },
});

const privilege = z.enum(['CONNECT', 'CREATE', 'TEMPORARY']);

/**
 * `creation_scheduled → creating → ok`, or `erred` with the message of the step that failed.
 *
 * What the backend marks as passing (the server is busy, the network is down) is tried again five times, and what it
 * marks as lasting (a template that does not exist) never; so most steps need no `retry` of their own.
 */
export const createDatabase = defineCreateExecutor(database, {
  input: z.object({
    template: z.string().exactOptional(),
    grants: z.array(z.object({ to: z.string(), privileges: z.array(privilege) })).default([]),
  }),
  plan: (p, { grants, ...options }) => {
    const ready = p
      .call('createRole', { during: 'creating', save: ({ role }) => ({ backendRole: role }) })
      .call('createDatabase', [options], {
        queue: 'heavy',
        timeLimit: '2m',
        retry: { attempts: 8, delay: '500ms', maxDelay: '10s' },
        save: ({ name }) => ({ backendId: name }),
      })
      .as('created')
      .poll('isReady', { every: '200ms', timeout: '1m' });
    for (const grant of grants) ready.call('grant', [grant], { description: `grant to ${grant.to}` });
    return ready.run(announce, (_previous, { created }) => ({ name: created.name }));
  },
});

/** An action: people see `resize` on the resource while it is under way. */
export const resizeDatabase = defineActionExecutor(database, {
  name: 'postgres.database.resize',
  action: 'resize',
  input: z.object({ connectionLimit: z.int().min(-1) }),
  actionDetails: (db, { connectionLimit }) => ({ from: db.connectionLimit, to: connectionLimit }),
  plan: (p, { connectionLimit }) => p.call('resize', [{ connectionLimit }], { save: () => ({ connectionLimit }) }),
});

/** An update chooses its steps by the fields that changed; a field that only the row knows needs none. */
export const updateDatabase = defineUpdateExecutor(database, {
  input: z.object({ name: z.string() }),
  plan: (p, { name: to }, _facts, changed) =>
    changed.includes('name')
      ? p.call('renameDatabase', [{ to }], {
          // Refused as busy while somebody is connected, so it gets a little longer than usual.
          retry: { attempts: 10, delay: '500ms', maxDelay: '5s' },
          save: ({ name }) => ({ name, backendId: name }),
        })
      : p,
});

/** The facts are read when the deletion is asked for: what never came to be on the server is not dropped there. */
export const deleteDatabase = defineDeleteExecutor(database, {
  facts: ({ backendId, backendRole }) => ({ backendId, backendRole }),
  plan: (p, _input, { backendId, backendRole }) => {
    if (backendId !== '') p.call('dropDatabase', { queue: 'heavy', timeLimit: '2m' });
    if (backendRole !== '') p.call('dropRole');
    return p;
  },
});

/** What the server really holds, pulled on queue `background`, never twice at once for one server. */
export const pullServer = defineBackgroundTask({
  name: 'postgres.pull',
  input: z.object({ serverId: z.string() }),
  key: ({ serverId }) => serverId,
  run: async ({ serverId }, { signal }) => {
    const server = await dataSource.manager.findOneBy(ServerSchema, { id: serverId });
    if (server === null) throw backendNotFound(`there is no server ${serverId}`);
    return { databases: await backendOf(server, signal).listDatabases() };
  },
});

export default defineReeve({
  dataSource,
  redis: process.env['REDIS_URL'],
  executors: [createDatabase, resizeDatabase, updateDatabase, deleteDatabase],
  tasks: [announce, pullServer],
  queues: { tasks: { concurrency: 10 }, heavy: { concurrency: 2 }, background: { concurrency: 2 } },
});
