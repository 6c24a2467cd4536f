import type { TransportFactory } from '../../ports/transport';
import { type DirectOptions, directSettings } from './direct-options';
import { DirectTransport } from './direct-transport';
import { nestMicroservices } from './nest-microservices';

/**
 * Services call each other over TCP, with `@nestjs/microservices`; no broker. Fewer parts to run, and the verdict is
 * there one round trip after the commit; but a service must be up, and known by address, to be told anything.
 *
 * ```ts
 * OutboxModule.forRoot({ service: 'user-service', transport: direct({ peers: { 'order-service': 'orders:4000' } }) })
 * ```
 * @throws InvalidOptionsError with all problems
 */
export function direct(options: DirectOptions): TransportFactory {
  const settings = directSettings(options);
  return {
    name: 'direct',
    create(deps) {
      nestMicroservices(); // missing? Say so now, not when the first message is under way.
      return new DirectTransport(settings, deps);
    },
  };
}
