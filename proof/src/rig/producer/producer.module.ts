import { Module } from '@nestjs/common';
import { outboxOf } from '../application';
import { CountersController } from '../counters.controller';
import { Failures } from '../failures';
import { CommandsController } from './commands.controller';
import { PurchasesService } from './purchases.service';

@Module({
  imports: outboxOf('rig-producer', (address) => ({ peers: { 'rig-consumer': address } })),
  controllers: [CommandsController, CountersController],
  providers: [PurchasesService, Failures],
})
export class ProducerModule {}
