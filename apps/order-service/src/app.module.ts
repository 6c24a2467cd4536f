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
import { OrderServiceConfig } from './config';
import { CreateStockAndOrders1795300000000 } from './migrations/1795300000000-create-stock-and-orders';
import { Order } from './orders/order.entity';
import { OrdersModule } from './orders/orders.module';
import { Stock } from './stock/stock.entity';
import { StockModule } from './stock/stock.module';

/**
 * The parts of order-service.
 *
 * What to notice: the consumer needs the same one entry as the producer. Its database is its own; the two services share
 * a contract and nothing else.
 */
@Module({
  imports: [
    configuration(OrderServiceConfig),
    TypeOrmModule.forRootAsync(
      database('order-service', { entities: [Stock, Order], migrations: [CreateStockAndOrders1795300000000] }),
    ),
    OutboxModule.forRootAsync({
      inject: [SERVICE_CONFIG],
      useFactory: ({ DATABASE_URL, TRANSPORT, AMQP_URL, DIRECT_LISTEN, brokerUser, signing }: OrderServiceConfig) => ({
        service: 'order-service',
        store: storeOf(DATABASE_URL),
        transport:
          TRANSPORT === 'direct' ? direct({ listen: DIRECT_LISTEN }) : rabbitMq({ url: AMQP_URL, user: brokerUser }),
        signing,
        ...observed,
      }),
    }),
    OutboxDashboardModule.forRoot(), // for a person in front of this machine, as in user-service
    HealthModule,
    MetricsModule,
    StockModule,
    OrdersModule,
  ],
})
export class AppModule {}
