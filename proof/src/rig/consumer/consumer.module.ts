import { Module } from '@nestjs/common';
import { outboxOf } from '../application';
import { CountersController } from '../counters.controller';
import { Failures } from '../failures';
import { OrdersService } from './orders.service';

@Module({
  imports: outboxOf('rig-consumer', (address) => ({ listen: address })),
  controllers: [CountersController],
  providers: [OrdersService, Failures],
})
export class ConsumerModule {}
