import { Module } from '@nestjs/common';
import { outboxOf, surroundings } from '../application';
import { ELSEWHERE } from '../contract';
import { CountersController } from '../counters.controller';
import { Failures } from '../failures';
import { CommandsController } from './commands.controller';
import { PurchasesService } from './purchases.service';

@Module({
  imports: outboxOf('rig-producer', (address) => ({
    peers: {
      'rig-consumer': address,
      ...(surroundings.RIG_ELSEWHERE && { [ELSEWHERE]: surroundings.RIG_ELSEWHERE }),
    },
  })),
  controllers: [CommandsController, CountersController],
  providers: [PurchasesService, Failures],
})
export class ProducerModule {}
