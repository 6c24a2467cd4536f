import { loadPeer } from '../../peer';

/** amqplib is an optional peer: its types are imported all over this folder, its code only here. */
export type Amqplib = typeof import('amqplib');

/** @throws MissingDependencyError */
export function loadAmqplib(): Amqplib {
  return loadPeer<Amqplib>(
    'amqplib',
    'The RabbitMQ transport needs amqplib, which could not be loaded. Run: npm install amqplib@^0.10.9',
  );
}
