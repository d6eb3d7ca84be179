/** A module that starts a worker when it is imported, which a thread for isolated steps must not. */
import { DataSource } from 'typeorm';
import { createLogger, defineReeve } from '../../src/index.ts';

const url = new URL(import.meta.url).searchParams.get('url') ?? '';
const dataSource = new DataSource({ type: 'postgres', url, entities: [] });
const reeve = defineReeve({ dataSource, logger: createLogger('silent') });
await reeve.startWorker();

// oxlint-disable-next-line import/no-default-export -- what isolation.module names
export default reeve;
