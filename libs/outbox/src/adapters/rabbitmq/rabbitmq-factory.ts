import type { TransportFactory } from '../../ports/transport';
import { loadAmqplib } from './amqplib';
import { type RabbitMqOptions, rabbitMqSettings } from './rabbitmq-options';
import { RabbitMqTransport } from './rabbitmq-transport';

/**
 * Messages travel through RabbitMQ: `OutboxModule.forRoot({ service: 'user-service', transport: rabbitMq() })`.
 * @throws InvalidOptionsError with all problems
 */
export function rabbitMq(options: RabbitMqOptions = {}): TransportFactory {
  const settings = rabbitMqSettings(options);
  return {
    name: 'rabbitmq',
    create: (deps) => {
      loadAmqplib(); // missing? better told now than at the first connection
      return new RabbitMqTransport(settings, deps);
    },
  };
}
