import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { ById } from '@tallystick/chassis';
import { ByUser, OrderView } from './orders.dto';
import { OrdersService } from './orders.service';

@ApiTags('orders')
@Controller('orders')
export class OrdersController {
  constructor(private readonly orders: OrdersService) {}

  @Get(':id')
  @ApiOkResponse({ type: OrderView })
  get(@Param() { id }: ById): Promise<OrderView> {
    return this.orders.get(id);
  }

  /** The latest 100 orders of a user. */
  @Get()
  @ApiOkResponse({ type: [OrderView] })
  ofUser(@Query() { userId }: ByUser): Promise<OrderView[]> {
    return this.orders.ofUser(userId);
  }
}
