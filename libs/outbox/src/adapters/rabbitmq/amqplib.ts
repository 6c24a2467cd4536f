import { createRequire } from 'node:module';
import { MissingDependencyError } from '../../errors';

/** amqplib is an optional peer: its types are imported all over this folder, its code only here. */
export type Amqplib = typeof import('amqplib');

/** @throws MissingDependencyError */
export function loadAmqplib(): Amqplib {
  try {
    return createRequire(__filename)('amqplib') as Amqplib;
  } catch (cause) {
    throw new MissingDependencyError(
      'The RabbitMQ transport needs amqplib, which could not be loaded. Run: npm install amqplib@^0.10.9',
      { cause },
    );
  }
}
