import { IsAddress, ServiceConfig } from '@tallystick/chassis';

export class UserServiceConfig extends ServiceConfig {
  override PORT = 3001;

  /** Only for TRANSPORT=direct: where order-service takes messages. */
  @IsAddress()
  ORDER_SERVICE_ADDRESS = '127.0.0.1:4002';
}
