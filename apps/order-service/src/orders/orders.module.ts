import { Module } from '@nestjs/common';
import { OutboxModule } from '@tallystick/outbox';
import { StockModule } from '../stock/stock.module';
import { Order } from './order.entity';
import { OrdersController } from './orders.controller';
import { OrdersService } from './orders.service';

@Module({
  imports: [OutboxModule.forFeature([Order]), StockModule],
  controllers: [OrdersController],
  providers: [OrdersService],
})
export class OrdersModule {}
