import path from 'node:path';
import { DataSource } from 'typeorm';
// In an application of yours: from 'reeve'.
import { defineReeve } from '../../src/index.ts';

/** An application that is nothing but a world. */
export default defineReeve({
  dataSource: new DataSource({
    type: 'postgres',
    url: process.env['DATABASE_URL'] ?? 'postgres://localhost/reeve',
    installExtensions: false,
  }),
  redis: process.env['REDIS_URL'],
  verbs: { folder: path.join(import.meta.dirname, 'verbs') },
  logLevel: 'error',
});
