import { Module } from '@nestjs/common';
import { OutboxModule } from '@tallystick/outbox';
import { UsersModule } from '../users/users.module';
import { Purchase } from './purchase.entity';
import { PurchasesController } from './purchases.controller';
import { PurchasesService } from './purchases.service';

@Module({
  imports: [OutboxModule.forFeature([Purchase]), UsersModule],
  controllers: [PurchasesController],
  providers: [PurchasesService],
})
export class PurchasesModule {}
