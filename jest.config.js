const transform = {
  '^.+\\.ts$': [
    '@swc/jest',
    {
      jsc: {
        target: 'es2024',
        // Legacy decorators with metadata, so that tests may use the decorated TypeORM entities that users have.
        parser: { syntax: 'typescript', decorators: true },
        transform: { legacyDecorator: true, decoratorMetadata: true },
      },
      module: { type: 'es6' },
      sourceMaps: 'inline',
    },
  ],
};

const common = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform,
  // Global setup and what it imports run outside the test sandbox: Node strips their types itself.
  transformIgnorePatterns: ['/node_modules/', '/test/support/global-'],
  setupFiles: ['<rootDir>/test/support/suppressed-error.ts'],
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
};

const fast = ['unit', 'architecture', 'types'];
const neverHere = ['support', 'browser', 'chaos', 'simulation'];

/** `fast` needs no server; every other folder of test/ runs in `servers`, with PostgreSQL and the Redis lane. */
export default {
  maxWorkers: 2,
  testTimeout: 120_000,
  projects: [
    {
      ...common,
      displayName: 'fast',
      testMatch: fast.map((folder) => `<rootDir>/test/${folder}/**/*.test.ts`),
    },
    {
      ...common,
      displayName: 'servers',
      testMatch: ['<rootDir>/test/**/*.test.ts'],
      testPathIgnorePatterns: ['/node_modules/', ...[...fast, ...neverHere].map((f) => `<rootDir>/test/${f}/`)],
      globalSetup: '<rootDir>/test/support/global-setup.ts',
      globalTeardown: '<rootDir>/test/support/global-teardown.ts',
    },
  ],
};
