/**
 * Four kinds of test, told apart by their file name:
 * - `*.spec.ts`      pure: no server, no file, no clock
 * - `*.int.spec.ts`  one part against a real PostgreSQL or RabbitMQ
 * - `*.e2e.spec.ts`  the services as processes, over HTTP
 * - `*.proof.spec.ts` the evidence: model, simulation, crash matrix, soak (small sizes)
 * The library's tests of the second kind that need PostgreSQL run once more through PgBouncer in transaction mode: the
 * project `pooled`, and once more with `OutboxClient` as the client of their pools: the project `client`. Servers are throw-away and started once per run, by `tools/jest/servers.ts`.
 */
const common = {
  rootDir: __dirname,
  testEnvironment: 'node',
  roots: [
    '<rootDir>/libs',
    '<rootDir>/apps',
    '<rootDir>/tools',
    '<rootDir>/proof',
    '<rootDir>/bench',
    '<rootDir>/docs',
  ],
  modulePathIgnorePatterns: ['/dist/', '/tools/package/starters/', '<rootDir>/examples/'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2022',
          keepClassNames: true,
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
        },
        module: { type: 'commonjs' },
        sourceMaps: 'inline',
      },
    ],
  },
  moduleNameMapper: {
    '^@tallystick/outbox$': '<rootDir>/libs/outbox/src/index.ts',
    '^@tallystick/outbox/testing$': '<rootDir>/libs/outbox/src/testing/index.ts',
    '^@tallystick/outbox/(prometheus|opentelemetry)$': '<rootDir>/libs/outbox/src/adapters/$1/index.ts',
    '^@tallystick/contracts$': '<rootDir>/libs/contracts/src/index.ts',
    '^@tallystick/cli$': '<rootDir>/libs/cli/src/index.ts',
    '^@tallystick/dashboard$': '<rootDir>/libs/dashboard/src/index.ts',
    '^@tallystick/dashboard/kit$': '<rootDir>/libs/dashboard/src/kit.ts',
    '^@tallystick/half-message$': '<rootDir>/libs/half-message/src/index.ts',
    '^@tallystick/chassis$': '<rootDir>/libs/chassis/src/index.ts',
    '^@tallystick/services/browser$': '<rootDir>/tools/services/src/browser.ts',
    '^@tallystick/services$': '<rootDir>/tools/services/src/index.ts',
  },
  setupFiles: ['<rootDir>/tools/jest/setup.ts'],
  setupFilesAfterEnv: ['<rootDir>/tools/jest/storages.ts'],
};
const servers = {
  globalSetup: '<rootDir>/tools/jest/servers.ts',
  globalTeardown: '<rootDir>/tools/jest/servers-stop.ts',
};
const kinds = /\.(int|e2e|proof)\.spec\.ts$/.source;
/** What the planner makes of a text does not depend on who sends it: a minute that says nothing new. */
const onceIsEnough = ['/node_modules/', 'postgres-plans'];

module.exports = {
  // A broker that was given to us has one virtual host for all: two files would take each other's messages.
  maxWorkers: process.env.AMQP_URL ? 1 : 2,
  // Jest's own half second is less than a busy machine takes to end a process: it warned of leaks where nothing was open.
  workerGracefulExitTimeout: 10_000,
  // Generous: a busy machine is slow, and only a test that hangs should meet it.
  testTimeout: 120_000,
  testSequencer: '<rootDir>/tools/jest/longest-first.cjs',
  projects: [
    {
      ...common,
      displayName: 'unit',
      testMatch: ['**/*.spec.ts'],
      testPathIgnorePatterns: ['/node_modules/', '/dist/', kinds],
    },
    { ...common, ...servers, displayName: 'integration', testMatch: ['**/*.int.spec.ts'] },
    {
      ...common,
      ...servers,
      displayName: 'pooled',
      testPathIgnorePatterns: onceIsEnough,
      roots: ['<rootDir>/libs/outbox/src'],
      testMatch: ['**/{postgres,transactions}/*.int.spec.ts', '**/{outbox.module,pressure-guard,shop}.int.spec.ts'],
      setupFilesAfterEnv: [...common.setupFilesAfterEnv, '<rootDir>/tools/jest/pooled.ts'],
    },
    {
      ...common,
      ...servers,
      displayName: 'client',
      testPathIgnorePatterns: onceIsEnough,
      roots: ['<rootDir>/libs/outbox/src'],
      testMatch: ['**/{postgres,transactions}/*.int.spec.ts', '**/{outbox.module,shop}.int.spec.ts'],
      setupFilesAfterEnv: [...common.setupFilesAfterEnv, '<rootDir>/tools/jest/client.ts'],
    },
    { ...common, ...servers, displayName: 'e2e', testMatch: ['**/*.e2e.spec.ts'] },
    { ...common, ...servers, displayName: 'proof', testMatch: ['**/*.proof.spec.ts'] },
  ],
};
