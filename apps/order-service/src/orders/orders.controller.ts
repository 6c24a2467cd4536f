import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiRefusals, ById } from '@tallystick/chassis';
import { ByUser, OrderView } from './orders.dto';
import { OrdersService } from './orders.service';

@ApiTags('orders')
@Controller('orders')
export class OrdersController {
  constructor(private readonly orders: OrdersService) {}

  @Get(':id')
  @ApiOperation({ summary: 'An order, by the id of its purchase' })
  @ApiOkResponse({ type: OrderView })
  @ApiRefusals({ 404: 'There is no such order: not yet, or it was refused' })
  get(@Param() { id }: ById): Promise<OrderView> {
    return this.orders.get(id);
  }

  @Get()
  @ApiOperation({ summary: 'The latest 100 orders of a user' })
  @ApiOkResponse({ type: [OrderView] })
  @ApiRefusals()
  ofUser(@Query() { userId }: ByUser): Promise<OrderView[]> {
    return this.orders.ofUser(userId);
  }
}
