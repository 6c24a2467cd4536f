import type { ServerResponse } from 'node:http';
import { Body, Controller, Get, HttpCode, HttpStatus, NotFoundException, Param, Post, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiRefusals, ById, LOCATION, TOO_LARGE } from '@tallystick/chassis';
import { Outbox } from '@tallystick/outbox';
import { IdempotencyKey } from './idempotency-key';
import { PurchaseRequest, PurchaseView } from './purchases.dto';
import { PurchasesService } from './purchases.service';
import { Timeline, timelineOf } from './timeline';

@ApiTags('purchases')
@Controller('purchases')
export class PurchasesController {
  constructor(
    private readonly purchases: PurchasesService,
    private readonly outbox: Outbox,
  ) {}

  @Post()
  @HttpCode(HttpStatus.ACCEPTED)
  @ApiOperation({
    summary: 'Buys',
    description: 'Answers as soon as the purchase is paid for and the message recorded; the order or a refund follows.',
  })
  @ApiHeader({ name: 'Idempotency-Key', required: false, description: 'Makes it safe to send the request again' })
  @ApiAcceptedResponse({ type: PurchaseView, headers: LOCATION })
  @ApiRefusals({
    404: 'There is no such user',
    409: 'The balance is too low',
    422: 'The Idempotency-Key was used for another purchase',
    ...TOO_LARGE,
  })
  async create(
    @Body() request: PurchaseRequest,
    @Res({ passthrough: true }) response: ServerResponse,
    @IdempotencyKey() idempotencyKey?: string,
  ): Promise<PurchaseView> {
    const purchase = await this.purchases.purchase(request, idempotencyKey);
    response.setHeader('Location', `/purchases/${purchase.id}`);
    return PurchaseView.of(purchase);
  }

  @Get(':id')
  @ApiOperation({ summary: 'A purchase: pending, completed or refunded' })
  @ApiOkResponse({ type: PurchaseView })
  @ApiRefusals({ 404: 'There is no such purchase' })
  async get(@Param() { id }: ById): Promise<PurchaseView> {
    return PurchaseView.of(await this.purchases.get(id));
  }

  @Get(':id/timeline')
  @ApiOperation({ summary: 'Where the message behind this purchase stands' })
  @ApiOkResponse({ type: Timeline })
  @ApiRefusals({ 404: 'There is no such purchase, or its history is no longer kept' })
  async timeline(@Param() { id }: ById): Promise<Timeline> {
    const { messageId } = await this.purchases.get(id);
    const status = await this.outbox.status(messageId);
    if (!status) throw new NotFoundException(`The history of purchase ${id} is no longer kept.`);
    return timelineOf(status);
  }
}
