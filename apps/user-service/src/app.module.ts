import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  configuration,
  database,
  HealthModule,
  MetricsModule,
  observed,
  SERVICE_CONFIG,
  storeOf,
} from '@tallystick/chassis';
import { OutboxDashboardModule } from '@tallystick/dashboard';
import { direct, OutboxModule, rabbitMq } from '@tallystick/outbox';
import { UserServiceConfig } from './config';
import { CreateUsersAndPurchases1795300000000 } from './migrations/1795300000000-create-users-and-purchases';
import { Purchase } from './purchases/purchase.entity';
import { PurchasesModule } from './purchases/purchases.module';
import { User } from './users/user.entity';
import { UsersModule } from './users/users.module';

/**
 * The parts of user-service.
 *
 * What to notice: the outbox is one entry in this list. Swapping RabbitMQ for direct calls changes this file and no
 * other: the promise is kept by the two databases, the transport only carries. Which kind of database it is, PostgreSQL
 * or MariaDB, the url decides; the two services need not have the same.
 */
@Module({
  imports: [
    configuration(UserServiceConfig),
    TypeOrmModule.forRootAsync(
      database('user-service', { entities: [User, Purchase], migrations: [CreateUsersAndPurchases1795300000000] }),
    ),
    OutboxModule.forRootAsync({
      inject: [SERVICE_CONFIG],
      useFactory: ({
        DATABASE_URL,
        TRANSPORT,
        AMQP_URL,
        ORDER_SERVICE_ADDRESS,
        brokerUser,
        signing,
      }: UserServiceConfig) => ({
        service: 'user-service',
        store: storeOf(DATABASE_URL),
        transport:
          TRANSPORT === 'direct'
            ? direct({ peers: { 'order-service': ORDER_SERVICE_ADDRESS } })
            : rabbitMq({ url: AMQP_URL, user: brokerUser }),
        signing,
        ...observed,
      }),
    }),
    // For a person in front of this machine. Who else may see it, `authorize` would have to say.
    OutboxDashboardModule.forRootAsync({
      inject: [SERVICE_CONFIG],
      useFactory: ({ ORDER_SERVICE_INBOX: url }: UserServiceConfig) => ({
        ...(url !== undefined && { inboxes: { 'order-service': url } }),
      }),
    }),
    HealthModule,
    MetricsModule,
    UsersModule,
    PurchasesModule,
  ],
})
export class AppModule {}
