/** A worker of the isolated app as a process of its own; TEST_MODULE is the URL of the app. */
import type { Reeve } from '../../src/index.ts';

const module = process.env['TEST_MODULE'] ?? '';
const { default: imported } = (await import(module)) as { default: () => Reeve };
await imported().startWorker({ loadedFrom: { module } });
