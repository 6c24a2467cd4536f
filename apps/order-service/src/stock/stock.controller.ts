import { Body, Controller, Get, Param, Put } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiRefusals, TOO_LARGE } from '@tallystick/chassis';
import { BySku, SetStock, StockView } from './stock.dto';
import { StockService } from './stock.service';

@ApiTags('stock')
@Controller('stock')
export class StockController {
  constructor(private readonly stock: StockService) {}

  @Put(':sku')
  @ApiOperation({ summary: 'Sets how much there is of a product' })
  @ApiOkResponse({ type: StockView })
  @ApiRefusals(TOO_LARGE)
  set(@Param() { sku }: BySku, @Body() { quantity }: SetStock): Promise<StockView> {
    return this.stock.set(sku, quantity);
  }

  @Get(':sku')
  @ApiOperation({ summary: 'How much there is of a product' })
  @ApiOkResponse({ type: StockView })
  @ApiRefusals({ 404: 'There is no such product' })
  get(@Param() { sku }: BySku): Promise<StockView> {
    return this.stock.get(sku);
  }
}
