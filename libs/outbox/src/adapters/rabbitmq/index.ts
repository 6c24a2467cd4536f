export { rabbitMq } from './rabbitmq-factory';
export type { RabbitMqOptions } from './rabbitmq-options';
export { RabbitMqTransport } from './rabbitmq-transport';
