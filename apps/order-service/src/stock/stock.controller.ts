import { Body, Controller, Get, Param, Put } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { BySku, SetStock, StockView } from './stock.dto';
import { StockService } from './stock.service';

@ApiTags('stock')
@Controller('stock')
export class StockController {
  constructor(private readonly stock: StockService) {}

  @Put(':sku')
  @ApiOkResponse({ type: StockView })
  set(@Param() { sku }: BySku, @Body() { quantity }: SetStock): Promise<StockView> {
    return this.stock.set(sku, quantity);
  }

  @Get(':sku')
  @ApiOkResponse({ type: StockView })
  get(@Param() { sku }: BySku): Promise<StockView> {
    return this.stock.get(sku);
  }
}
