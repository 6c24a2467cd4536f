import { IsAddress, IsUrlWith, ServiceConfig } from '@tallystick/chassis';
import { IsOptional } from 'class-validator';

export class UserServiceConfig extends ServiceConfig {
  override PORT = 3001;

  /** Only for TRANSPORT=direct: where order-service takes messages. */
  @IsAddress()
  ORDER_SERVICE_ADDRESS = '127.0.0.1:4002';

  /** Where order-service's inbox is, for the dashboard to show its half of a message: for a role that may only select from it. */
  @IsOptional()
  @IsUrlWith('postgres:', 'postgresql:', 'mariadb:', 'mysql:')
  ORDER_SERVICE_INBOX?: string;
}
