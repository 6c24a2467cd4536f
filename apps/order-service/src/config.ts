import { IsAddress, ServiceConfig } from '@tallystick/chassis';

export class OrderServiceConfig extends ServiceConfig {
  override PORT = 3002;

  /** Only for TRANSPORT=direct: where this service takes messages. */
  @IsAddress()
  DIRECT_LISTEN = '127.0.0.1:4002';
}
