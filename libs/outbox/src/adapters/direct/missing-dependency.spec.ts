import type { TransportDeps } from '../../ports/transport';
import { MissingDependencyError } from '../../errors';
import { direct } from './direct-factory';

jest.mock('@nestjs/microservices', () => {
  throw new Error("Cannot find module '@nestjs/microservices'");
});

it('says which package to install when @nestjs/microservices is missing, before anything is sent', () => {
  const factory = direct({ listen: '127.0.0.1:4000' });
  const create = (): unknown => factory.create({} as TransportDeps);
  expect(create).toThrow(MissingDependencyError);
  expect(create).toThrow('npm install @nestjs/microservices');
});
