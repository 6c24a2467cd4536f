import { Module } from '@nestjs/common';
import { OutboxModule } from '@tallystick/outbox';
import { StockController } from './stock.controller';
import { Stock } from './stock.entity';
import { StockService } from './stock.service';

@Module({
  imports: [OutboxModule.forFeature([Stock])],
  controllers: [StockController],
  providers: [StockService],
  exports: [StockService],
})
export class StockModule {}
