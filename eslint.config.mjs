import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** What a folder of the library may not import. Each with its reason. */
const forbid = (files, ...patterns) => ({
  files,
  ignores: ['**/*.spec.ts'],
  rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns }] },
});
const source = 'libs/outbox/src';
const typeorm = {
  group: ['typeorm', 'typeorm/*', '@nestjs/typeorm'],
  message: 'TypeORM is known only to transactions/, adapters/postgres/ and adapters/mariadb/.',
};
const broker = {
  group: ['amqplib', 'amqplib/*', '@golevelup/*'],
  message: 'The broker is known only to adapters/rabbitmq/.',
};
const microservices = {
  group: ['@nestjs/microservices', '@nestjs/microservices/*'],
  message: '@nestjs/microservices is an optional peer, loaded only by adapters/direct/.',
};
const measuring = {
  group: ['prom-client', '@opentelemetry/*'],
  message: 'Optional peers, each loaded by its own entry point only: adapters/prometheus/ and adapters/opentelemetry/.',
};
const testing = { group: ['**/testing', '**/testing/*'], message: 'Product code never imports test machinery.' };
const whole = {
  regex: '(^|/)outbox\\.module$|^(\\.\\./)*(\\.\\./?|\\.)(index)?$|^(\\.\\./)+index$',
  message: 'Only outbox.module.ts and index.ts see everything.',
};
const features = ['outbox', 'relay', 'inbox', 'receipts', 'operations'];
/** Of the library's own folders these and no others. */
const only = (allowed, message) => ({
  group: ['../*', ...allowed.flatMap((name) => [`!../${name}`, `!../${name}/*`])],
  message,
});
const floor = ['errors', 'message', 'ports', 'concurrency', 'transactions'];
const others = only(
  floor,
  'A feature stands on errors, message/, ports/, concurrency/ and transactions/. outbox, relay, inbox, receipts and operations do not import each other: talk through a port.',
);
const adapters = {
  group: ['**/adapters', '**/adapters/*'],
  message: 'The core talks to ports; adapters are plugged in by outbox.module.ts.',
};

export default tseslint.config(
  {
    ignores: [
      '**/dist/**',
      '**/node_modules/**',
      '.nx/**',
      'coverage/**',
      'bench/results/**',
      'tools/package/starters/**',
      'examples/**',
    ],
  },
  js.configs.recommended,
  ...tseslint.configs.recommended,
  {
    files: ['**/*.ts', '**/*.tsx'],
    languageOptions: {
      parserOptions: {
        project: [
          './tsconfig.spec.json',
          './libs/*/tsconfig.json',
          './libs/dashboard/web/tsconfig.json',
          './apps/demo/web/tsconfig.json',
          './apps/*/tsconfig.json',
          './tools/*/tsconfig.json',
          './proof/tsconfig.json',
          './bench/tsconfig.json',
        ],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      '@typescript-eslint/consistent-type-imports': 'off',
      'no-console': 'error',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
    },
  },
  {
    files: ['**/*.mjs', '**/*.cjs'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        module: 'writable',
        require: 'readonly',
        __dirname: 'readonly',
      },
    },
    rules: { '@typescript-eslint/no-require-imports': 'off' },
  },
  // Programs talk to a terminal; the library never does.
  {
    files: ['apps/demo/**/*.ts', 'apps/lab/**/*.ts', 'proof/**/*.ts', 'bench/**/*.ts', 'tools/**/*.ts'],
    rules: { 'no-console': 'off' },
  },

  // The library's inner borders
  forbid(
    [`${source}/message/**/*.ts`],
    only(['errors'], 'message/ is pure: it imports nothing of ours but the errors.'),
    typeorm,
    broker,
    microservices,
    measuring,
  ),
  forbid(
    [`${source}/ports/**/*.ts`],
    only(['errors', 'message'], 'ports/ knows message/ only.'),
    typeorm,
    broker,
    microservices,
    measuring,
  ),
  forbid(
    [`${source}/concurrency/**/*.ts`],
    only(['message', 'ports'], 'concurrency/ knows message/ and ports/ only.'),
    typeorm,
    broker,
    microservices,
    measuring,
  ),
  forbid(
    [`${source}/discovery/**/*.ts`],
    only(['errors', 'message', 'ports', 'transactions'], 'discovery/ binds what it finds to ports/.'),
    adapters,
    typeorm,
    broker,
    microservices,
    measuring,
    testing,
    whole,
  ),
  forbid(
    [`${source}/asyncapi/**/*.ts`],
    only(['errors', 'message'], 'asyncapi/ describes contracts: it knows message/ only.'),
    typeorm,
    broker,
    microservices,
    measuring,
  ),
  forbid(
    [`${source}/adapters/system/**/*.ts`],
    {
      group: ['../../*', '!../../ports', '!../../ports/*'],
      message: 'The time and the chance of this machine: it knows ports/ only.',
    },
    typeorm,
    broker,
    microservices,
    measuring,
  ),
  ...features.map((own) =>
    forbid([`${source}/${own}/**/*.ts`], others, adapters, typeorm, broker, microservices, measuring, testing, whole),
  ),
  forbid(
    [`${source}/transactions/*.ts`],
    only(['errors', 'message', 'ports', 'concurrency'], 'transactions/ stands below the features.'),
    adapters,
    broker,
    microservices,
    measuring,
    testing,
    whole,
  ),
  forbid(
    [`${source}/transactions/*/**/*.ts`],
    { group: features.map((name) => `**/${name}/*`), message: 'transactions/ stands below the features.' },
    adapters,
    broker,
    microservices,
    measuring,
    testing,
    whole,
  ),
  forbid(
    [`${source}/adapters/{postgres,mariadb}/**/*.ts`],
    {
      group: features.map((name) => `../../${name}/*`),
      message: 'An adapter implements a port: it knows message/, ports/ and transactions/.',
    },
    broker,
    microservices,
    measuring,
    testing,
    whole,
  ),
  forbid(
    [`${source}/adapters/rabbitmq/**/*.ts`],
    {
      group: features.map((name) => `../../${name}/*`),
      message: 'An adapter implements a port: it knows message/ and ports/.',
    },
    typeorm,
    microservices,
    measuring,
    testing,
    whole,
  ),
  forbid(
    [`${source}/adapters/direct/**/*.ts`],
    {
      group: features.map((name) => `../../${name}/*`),
      message: 'An adapter implements a port: it knows message/ and ports/.',
    },
    typeorm,
    broker,
    measuring,
    testing,
    whole,
  ),
  forbid(
    [`${source}/adapters/{prometheus,opentelemetry}/**/*.ts`],
    {
      group: features.map((name) => `../../${name}/*`),
      message: 'An adapter implements a port: it knows message/ and ports/.',
    },
    typeorm,
    broker,
    microservices,
    testing,
    whole,
  ),
  // Test equipment stands on ports like an adapter does, and needs no server's driver.
  forbid(
    [`${source}/testing/memory/**/*.ts`],
    {
      group: features.map((name) => `../../${name}/*`),
      message: 'The store and the broker in memory implement ports: they know message/ and ports/.',
    },
    typeorm,
    broker,
    microservices,
    measuring,
    whole,
  ),
  forbid([`${source}/*.ts`], testing, measuring),
  // The page and the server share types, and nothing else: what one of them needs must not get into the other.
  forbid(['libs/dashboard/web/**/*.{ts,tsx}'], {
    group: ['../src/*', '!../src/page', '@nestjs/*', '@tallystick/*', 'node:*', 'pg', 'typeorm'],
    message: 'The page runs in a browser: it knows the types of src/page.ts, and Preact.',
  }),
  forbid(['apps/demo/web/**/*.{ts,tsx}'], {
    group: [
      '../src/**',
      '!../src/page',
      '!../src/page/page',
      '!../src/texts',
      '!../src/finding',
      '!../src/money',
      '@nestjs/*',
      '@tallystick/*',
      '!@tallystick/dashboard',
      'node:*',
      'pg',
    ],
    message:
      'The page runs in a browser: it knows the types of src/page/page.ts, the texts, Preact, and parts of the dashboard.',
  }),
  forbid(['libs/dashboard/src/**/*.ts'], {
    group: ['../web/*', 'preact', 'preact/*', '@tallystick/outbox/*', '!@tallystick/outbox/testing'],
    message: 'The server knows the front door of the library, and no page.',
  }),
  // Everybody else uses the front door
  forbid(['apps/**/*.ts', 'libs/contracts/**/*.ts'], {
    group: [
      '@tallystick/outbox/*',
      '!@tallystick/outbox/testing',
      '!@tallystick/outbox/prometheus',
      '!@tallystick/outbox/opentelemetry',
      '**/libs/**',
    ],
    message: "Import the package's entry points only.",
  }),
);
