import type { TransportDeps } from '../../ports/transport';
import { MissingDependencyError } from '../../errors';
import { rabbitMq } from '.';

jest.mock('amqplib', () => {
  throw new Error("Cannot find module 'amqplib'");
});

it('says which package to install when amqplib is missing, before anything connects', () => {
  const create = (): unknown => rabbitMq({ url: 'amqp://localhost' }).create({ service: 'a' } as TransportDeps);
  expect(create).toThrow(MissingDependencyError);
  expect(create).toThrow('npm install amqplib');
});
