import { errorText } from '../../message/receipt';
import { loadPeer } from '../../peer';

type NestMicroservices = typeof import('@nestjs/microservices');

/** Nest's TCP client and server: an optional peer, loaded only for the direct transport. */
export function nestMicroservices(): NestMicroservices {
  return loadPeer<NestMicroservices>(
    '@nestjs/microservices',
    'The direct transport needs @nestjs/microservices, which could not be loaded. Run: npm install @nestjs/microservices',
  );
}

/** What went wrong on a socket. Nest puts a broken frame in a text that quotes it, and payloads never reach a log. */
export function socketProblem(error: unknown): string {
  return error instanceof Error ? errorText(error) : 'a broken or oversized frame';
}
