import { type ChildProcess, spawn } from 'node:child_process';
import { dirname, join } from 'node:path';

const SERVICES = join(__dirname, '../../../../tools/services/src/index.ts');

/** A process of its own whose program is a file of TypeScript, to talk to over its channel. */
export function processOf(
  file: string,
  { args = [], env = {} }: { args?: readonly string[]; env?: NodeJS.ProcessEnv } = {},
): ChildProcess {
  const program = `
    require('reflect-metadata');
    require.extensions['.ts'] = (module, file) => module._compile(
      require('@swc/core').transformFileSync(file, {
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
        },
        module: { type: 'commonjs' },
      }).code, file);
    const { Module } = require('node:module');
    const found = Module._resolveFilename;
    Module._resolveFilename = (name, ...more) =>
      found(name === '@tallystick/services' ? ${JSON.stringify(SERVICES)} : name, ...more);
    require(${JSON.stringify(file)});
  `;
  return spawn(process.execPath, ['-e', program, ...args], {
    cwd: dirname(file),
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}
